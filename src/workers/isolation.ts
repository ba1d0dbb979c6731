/**
 * How a foreign executable is kept away from the rest of the machine. The best way that works here is found once; no tool has
 * to be there.
 */
import { spawn } from "node:child_process";
import { type PrivateFolder, privateFolder } from "./privatefolder.ts";

/**
 * `namespaces`: no network, no other processes, no files but the private folder and, read-only, the system's programs; no
 * privileges. `limits`: only bounds on what one process takes. `none`: neither; time and space are watched in every case.
 */
export type Isolation = "namespaces" | "limits" | "none";

/** Where programs are looked for, by what is run and by ourselves. */
export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CPU_SECONDS = 300;
/** In blocks of 512 bytes, 1 KiB in some shells: at least 1 GiB. A file that is larger already may still be written below that. */
const FILE_BLOCKS = 2 * 1024 * 1024;
/** KiB of address space; programs written in Go reserve more than a gigabyte. */
const MEMORY_KIB = 4 * 1024 * 1024;
const PROCESSES = 1024;
const OPEN_FILES = 1024;

/**
 * Limits of a shell, inherited by all that it runs; each counts only where the shell knows it. The last line makes the kernel
 * take the memory of these processes back before anybody else's.
 */
const LIMITED = `
umask 022
ulimit -c 0 2>/dev/null
ulimit -t ${CPU_SECONDS} 2>/dev/null
ulimit -f ${FILE_BLOCKS} 2>/dev/null
ulimit -v ${MEMORY_KIB} 2>/dev/null
ulimit -n ${OPEN_FILES} 2>/dev/null
ulimit -u ${PROCESSES} 2>/dev/null || ulimit -p ${PROCESSES} 2>/dev/null
echo 1000 2>/dev/null >/proc/self/oom_score_adj
exec "$@"
`;

/**
 * A root of its own in memory: programs and libraries read-only, five devices, and the private folder in its usual place. What
 * stands in a changed root can make no further user namespace, and has no privileges to leave it with. A shell stays in front:
 * the first process of a namespace dies of no signal.
 */
const ENCLOSED = `
set -eu
root=$1 work=$2
shift 2
mount -t tmpfs -o size=1m,mode=755 none "$root"
for name in /bin /sbin /lib /lib32 /lib64 /libx32 /usr; do
  if [ -L "$name" ]; then ln -s "$(readlink "$name")" "$root$name"
  elif [ -d "$name" ]; then
    mkdir "$root$name"
    mount --rbind "$name" "$root$name"
    mount -o remount,bind,ro,nosuid,nodev "$root$name"
  fi
done
mkdir "$root/dev" "$root/proc"
for name in null zero full random urandom; do
  : > "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t proc -o ro proc "$root/proc" 2>/dev/null || :
mkdir -p "$root$work"
mount --bind "$work" "$root$work"
mount -o remount,bind,ro "$root"
exec chroot "$root" setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all \\
  sh -c 'cd "$1" && shift && "$@"; exit $?' entered "$work" "$@"
`;

/** The end of whoever starts it is the end of `unshare`, whose end is that of all it contains. */
const UNSHARE = [
  ...["--pdeathsig", "KILL", "unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--ipc", "--uts"],
  ...["--fork", "--kill-child"],
];

/** What is run, with absolute paths. */
export interface IsolatedCommand extends Pick<PrivateFolder, "work" | "root"> {
  readonly file: string;
  readonly args: readonly string[];
}

/** What to start, in the private folder, for a command to be run so isolated. */
export function isolatedArgv(how: Isolation, { file, args, work, root }: IsolatedCommand): readonly string[] {
  const limited = ["sh", "-c", LIMITED, "limited"];
  switch (how) {
    case "namespaces":
      return ["setpriv", ...UNSHARE, ...limited, "sh", "-c", ENCLOSED, "enclosed", root, work, file, ...args];
    case "limits":
      return [...limited, file, ...args];
    case "none":
      return [file, ...args];
  }
}

let known: Promise<Isolation> | undefined;

/** The best isolation that works here; `temporary` is a folder like those private folders are made in. */
export function isolation(temporary: string): Promise<Isolation> {
  known ??= find(temporary).catch((error: unknown) => {
    known = undefined;
    throw error;
  });
  return known;
}

async function find(temporary: string): Promise<Isolation> {
  await using folder = await privateFolder(temporary);
  const probe = { ...folder, file: "/bin/sh", args: ["-c", "exit 0"] };
  for (const how of ["namespaces", "limits"] as const) {
    if (await succeeds(isolatedArgv(how, probe), folder.work)) return how;
  }
  return "none";
}

const PROBE_MS = 10_000;

async function succeeds([file, ...args]: readonly string[], cwd: string): Promise<boolean> {
  const env = { PATH: PROGRAM_PATH };
  const child = spawn(file!, args, { env, cwd, stdio: "ignore", timeout: PROBE_MS, killSignal: "SIGKILL" });
  return await new Promise((resolve) => {
    child.once("error", () => resolve(false));
    child.once("close", (code) => resolve(code === 0));
  });
}
