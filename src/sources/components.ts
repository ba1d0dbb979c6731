/** Repositories of Talos' own images (factory.md 4.1), without registry host and namespace. */
export interface ComponentNames {
  readonly installerBase: string;
  readonly installer: string;
  readonly imager: string;
  readonly extensions: string;
  readonly overlays: string;
  readonly talosctl: string;
}

export const DEFAULT_COMPONENTS: ComponentNames = {
  installerBase: "siderolabs/installer-base",
  installer: "siderolabs/installer",
  imager: "siderolabs/imager",
  extensions: "siderolabs/extensions",
  overlays: "siderolabs/overlays",
  talosctl: "siderolabs/talosctl-all",
};

/** How images are called where they are pulled from. */
export interface CoreNames {
  /** `host[:port]` as it is shown in references; no connection is made with it. */
  readonly registryHost: string;
  /** Put before every repository, without slashes at its ends; empty for none. */
  readonly namespace: string;
  readonly components: ComponentNames;
}

/** The repository to ask the source for: the namespace, where there is one, and `repository`. */
export function inNamespace(names: CoreNames, repository: string): string {
  return names.namespace === "" ? repository : `${names.namespace}/${repository}`;
}
