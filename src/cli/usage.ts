/** The text of `imager --help`. */
export const USAGE = `usage: imager PROFILE [flag...]      builds a Talos image from a built-in profile
       imager - [flag...] < FILE     builds one from a profile in YAML; of the flags, --output and --tar-to-stdout count

Takes what the Talos imager takes, and gives what it gives, without a container, root or imaging tools.

Profiles: iso, metal, metal-4k, metal-uki, installer; akamai, alibabacloud, aws, azure, cloudstack, digital-ocean,
exoscale, gcp, hcloud, nocloud, opennebula, openstack, oracle, scaleway, upcloud, vmware, vultr; and for SecureBoot
secureboot-iso, -metal, -metal-uki, -installer, -azure, -cloudstack, -nocloud, -opennebula, -openstack, -vmware.

What is built
  --arch ARCH                    amd64 or arm64; default: that of this machine
  --platform NAME                platform, in place of the profile's
  --output-kind KIND             iso, image, installer, kernel, initramfs, uki or cmdline, in place of the profile's
  --extra-kernel-arg ARG         kernel argument to add, -NAME to take one away; may be repeated
  --meta KEY=VALUE               value for the META partition, such as 0xa=...; may be repeated
  --embedded-config-path FILE    machine configuration to put into the image

What it is made of
  --system-extension-image REF   system extension, an image reference; may be repeated
  --base-installer-image REF     what installers are made from
  --image-cache REF|FOLDER       container images to put into the image: a reference, or an OCI layout
  --overlay-name NAME            installer of the overlay; default: default
  --overlay-image REF            overlay for a board, an image reference
  --overlay-option OPTION        KEY=VALUE, KEY=@FILE, or @FILE with a YAML mapping; may be repeated
  --insecure                     asks the registries of the images above (but the overlay's) over plain HTTP

SecureBoot
  --secureboot-include-well-known-certs
  --secureboot-signer-address ADDRESS
  --pcr-signer-address ADDRESS
  --secureboot-enroll-keys MODE  if-safe, manual, force or off

Where it goes
  --output FOLDER                default /out; made when it is not there. A file appears in it whole, or not at all
  --tar-to-stdout                writes the folder to standard output in the end, as tar.gz
  -h, --help

A profile on standard input can say more. Images stand in it as imageRef, as tarballPath (a tar of their files) or as
ociPath (an OCI image layout):

  arch: amd64
  platform: metal
  version: v1.14.0
  input:
    systemExtensions:
      - imageRef: ghcr.io/siderolabs/hello-world-service:v1.0.0
      - tarballPath: ./extension.tar
  output:
    kind: iso
    outFormat: raw

Environment
  IMAGER_VERSION       Talos version of profiles that name none; default: the newest stable one on offer
  IMAGER_SOURCE        where images of ghcr.io come from instead: a registry (https://host[:port], http://host[:port])
                       or a folder with an OCI image layout. Files below /usr/install that are not on this machine are
                       taken from the image ghcr.io/siderolabs/imager of the Talos version
  IMAGER_PUBLIC_KEYS   PEM files with cosign public keys, separated by colons: every image that is pulled must be signed
                       with one of them. Without it signatures are not checked, and a warning says so
  IMAGER_CA            PEM file with certificates to trust, besides those of the system
  IMAGER_GRUB          folder with GRUB 2.14 or later as distributions install it (i386-pc, x86_64-efi, arm64-efi);
                       default: /usr/lib/grub if it is one
  IMAGER_CACHE         folder for what later runs can use again, which may be removed at any time;
                       default: $XDG_CACHE_HOME/image-foundry
  DOCKER_CONFIG        folder with a config.json for credentials; default: ~/.docker. Credential helpers are not run
  SOURCE_DATE_EPOCH    time in everything that is made, in seconds; default: 1559424892

Exit codes: 0 done; 1 usage, or stopped by a signal; 2 invalid profile; 3 not supported; 5 an image or a part is
missing or broken; 6 reading or writing files; 7 what was asked for does not fit on a disk.
`;
