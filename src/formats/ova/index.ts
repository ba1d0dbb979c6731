/**
 * What an OVA holds beside its disk (DMTF DSP0243 "Open Virtualization Format" 2.1; outputs.md 4.4): descriptor and manifest.
 *
 * Written: one virtual machine with one disk. Not written here: the disk, and the archive around all three.
 */
export { type OvaFile, ovaFiles } from "./write.ts";
