import { type KernelLists, type KernelModule, readModule, selectModules } from "../../../src/formats/kmod/index.ts";
import { type ModulePlan, moduleFile } from "./support.ts";

const ALIASES = [
  "alias=pci:v00008086d0000[0-9a-f]-*sv*sd*bc*sc*i*",
  "alias=of:N*T*Cvendor,some-device",
  "alias=of:N*T*Cvendor,some-deviceC*",
  "alias=open[bracket",
  "alias=close]bracket",
  "alias=pci:v00008086d0000[0-9a-f]-*sv*sd*bc*sc*i*",
  "alias",
  "aliases=none",
];

/** The modules of a small kernel release with everything depmod has a rule for, by path. */
export const PLANS: Readonly<Record<string, ModulePlan>> = {
  "kernel/lib/base.ko": { exports: ["base_a", "base_b", "shared"], info: ["license=GPL"] },
  "kernel/lib/versioned.ko": { exports: ["versioned_a"], versioned: true, needs: ["printk", "base_a"] },
  "kernel/drivers/some-driver.ko": {
    info: ["description=a driver", ...ALIASES, "softdep=pre: base post: other", "weakdep=maybe"],
    needs: ["base_b", "versioned_a", "base_a", "missing"],
  },
  "kernel/drivers/top.ko": { needs: ["middle_l", "middle_r"], info: ["alias=of:N*T*Cvendor,some-device"] },
  "kernel/drivers/left.ko": { exports: ["middle_l"], needs: ["base_a"], info: ["alias=of:N*T*Cvendor"] },
  "kernel/drivers/right.ko": { exports: ["middle_r"], needs: ["left_never", "base_a", "by_version"] },
  "kernel/drivers/named.ko": { exports: ["by_version"], info: ["alias=char-major-10-200", "alias=devname:net/tun"] },
  "kernel/drivers/block.ko": {
    info: ["alias=devname:loop control", "alias=block-major-7-*", "alias=block-major-7-3x"],
  },
  "kernel/drivers/nameless.ko": { info: ["alias=devname:lost"] },
  "kernel/drivers/replaced.ko": { exports: ["old_one"], needs: ["base_a"] },
  "extras/replaced.ko": { exports: ["new_one"], needs: ["versioned_a"], info: ["alias=new"] },
  "extras/tables.ko": { versions: ["module_layout", "by_version", "new_one"], needs: [".base_a"] },
  "extras/again.ko": { exports: ["shared"], needs: ["new_one"] },
  "extras/deep/er/user.ko": { needs: ["shared", "old_one"] },
  "top-level.ko": { exports: ["a", "ab", "abc", "abcd", "abcde"], info: ["softdep=pre: base", "softdep=pre: top"] },
  "build/ignored.ko": { exports: ["ignored"] },
  "kernel/source/ignored2.ko": { exports: ["ignored2"] },
  "kernel/empty.ko": {},
};

/** The lists that come with them: one module is listed twice, some are in no list, some lines name no module. */
export const LISTS = {
  "modules.order": ["drivers/top", "lib/versioned", "gone", "drivers/some-driver", "lib/base", "drivers/top"]
    .map((name) => `kernel/${name}.ko\n`)
    .join(""),
  "modules.builtin":
    "kernel/fs/ext4/ext4.ko\nkernel/lib/crc-t10dif.ko\n#no module\n\nkernel/fs/ext2.ko\nkernel/fs/ext4.ko\n",
  "modules.builtin.modinfo": [
    "ext4.license=GPL",
    "ext4.alias=fs-ext4",
    "ext2.alias=fs-ext4",
    "no-dot",
    "dotted.without",
    "eaten.alias=never seen",
    "crc.alias=crypto-crc[0-9]-generic",
    "crc.alias=open[",
    "crc.alias=",
    "crc.aliases=other",
    "late.alias=late",
    "",
  ].join("\0"),
} as const;

/** All files of the release's folder. */
export function treeFiles(): ReadonlyMap<string, Buffer> {
  return new Map([
    ...Object.entries(PLANS).map(([path, plan]): [string, Buffer] => [path, moduleFile(plan)]),
    ...Object.entries(LISTS).map(([name, text]): [string, Buffer] => [name, Buffer.from(text)]),
  ]);
}

/** The modules among files, read. */
export function modulesOf(files: ReadonlyMap<string, Uint8Array>): KernelModule[] {
  return selectModules(files.keys()).map((path) => ({ path, facts: readModule(files.get(path)!, path) }));
}

/** The lists among files. */
export function listsOf(files: ReadonlyMap<string, Uint8Array>): KernelLists {
  return {
    order: files.get("modules.order"),
    builtin: files.get("modules.builtin"),
    builtinModinfo: files.get("modules.builtin.modinfo"),
  };
}
