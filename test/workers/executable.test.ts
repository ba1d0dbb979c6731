import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { MiB } from "../../src/bytes/align.ts";
import { FactoryError } from "../../src/errors.ts";
import { type RunRequest, runExecutable } from "../../src/workers/executable.ts";
import { type Isolation, isolation } from "../../src/workers/isolation.ts";
import { type PrivateFolder, privateFolder } from "../../src/workers/privatefolder.ts";
import { temporaryFolder } from "../support/folder.ts";

const LIMITS = { wallMs: 20_000, bytes: 8 * MiB, files: 100 };
/** Somewhere the test may write but the executable may not. */
const OUTSIDE = "outside";

const temporary = await temporaryFolder();
after(() => temporary[Symbol.asyncDispose]());
/** The kernel decides whether there are namespaces; what runs without is tested in any case. */
const best = await isolation(temporary.path);
const WAYS: readonly Isolation[] = best === "namespaces" ? ["namespaces", "limits", "none"] : ["limits", "none"];

/** Runs a shell script and looks at its folder before it is gone. */
async function run(
  how: Isolation,
  script: string,
  options: Partial<Pick<RunRequest, "limits" | "checkpoint" | "stdin">> = {},
  look: (folder: PrivateFolder) => Promise<void> = async () => undefined,
): Promise<string> {
  await using folder = await privateFolder(temporary.path);
  const file = join(folder.work, "script");
  await writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const request = { isolation: how, limits: LIMITS, checkpoint: () => undefined, stdin: "", ...options };
  const output = await runExecutable({ ...request, command: { ...folder, file, args: ["command"] } });
  await look(folder);
  return Buffer.from(output).toString();
}

/** Processes that run a program with these arguments. */
function running(argument: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0").includes(argument);
    } catch {
      return false;
    }
  });
}

const failing = (script: string, options: Partial<RunRequest> = {}) => ({ script, options });
const short = { limits: { ...LIMITS, wallMs: 500 } };

/** What a hostile executable does, and what is said of it. */
const HOSTILE: Readonly<Record<string, readonly [ReturnType<typeof failing>, RegExp]>> = {
  fails: [failing("echo no such board >&2; exit 3"), /^exit status 3, stdErr: no such board$/],
  "is killed": [failing("kill -9 $$"), /SIGKILL|signal 9/],
  hangs: [failing("sleep 7001", short), /^not done after 0.5 s$/],
  "closes its output and hangs": [failing("exec >&- 2>&-; sleep 7002", short), /^not done after 0.5 s$/],
  "hangs in another session": [failing("setsid sleep 7003 & setsid sleep 7003", short), /^not done after 0.5 s$/],
  "ignores being asked to stop": [failing("trap '' TERM INT HUP; while :; do sleep 0.01; done", short), /^not done/],
  floods: [failing("exec cat /dev/zero"), /^more than 1048576 bytes on standard output$/],
  "floods and ends": [failing("head -c 2000000 /dev/zero"), /^more than 1048576 bytes on standard output$/],
  "says much of an error": [failing("head -c 9000000 /dev/zero >&2; echo the end >&2; exit 1"), /stdErr: the end$/],
  "fills the disk": [failing("cat /dev/zero > big"), /^more than 8388608 bytes in its folder$/],
  "makes many files": [failing("i=0; while :; do i=$((i+1)); : > f$i; done"), /^more than 100 files in its folder$/],
};

async function refuses(work: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof FactoryError, String(error));
    assert.equal(error.code, "overlay_failed");
    assert.match(error.message, message);
    return true;
  });
}

for (const how of WAYS) {
  describe(`a foreign executable with isolation "${how}"`, () => {
    it("gets its input, its folder and an empty environment", async () => {
      const script = 'cat; pwd; echo "$1"; env | sort | cut -d= -f1; : > made';
      const output = await run(how, script, { stdin: "board: b1\n" }, async ({ work }) => {
        assert.ok(existsSync(join(work, "made")));
      });
      const [input, folder, argument, ...names] = output.trimEnd().split("\n");
      assert.deepEqual([input, argument], ["board: b1", "command"]);
      assert.match(folder!, /\/work$/);
      assert.deepEqual(
        names.filter((name) => !["PWD", "OLDPWD", "_", "SHLVL"].includes(name)),
        ["OVERLAY_RUN", "PATH", "TMPDIR"],
      );
    });

    for (const [what, [{ script, options }, message]] of Object.entries(HOSTILE)) {
      it(`that ${what} is ended, and said so`, async () => {
        await refuses(run(how, script, options), message);
        for (const seconds of ["7001", "7002", "7003"]) assert.deepEqual(running(seconds), []);
        assert.deepEqual(
          (await readdir(temporary.path)).filter((name) => name !== OUTSIDE),
          [],
        );
      });
    }

    it("leaves no process behind when it ends well", async () => {
      assert.equal(await run(how, "sleep 7004 & (setsid sleep 7004 &) ; echo done"), "done\n");
      assert.deepEqual(running("7004"), []);
    });

    it("leaves nothing behind that it closed", async () => {
      await run(how, "mkdir -p a/b; : > a/b/c; chmod 0 a/b a");
      assert.deepEqual(await readdir(temporary.path), []);
    });

    it("is ended when nobody waits any more", async () => {
      const gone = new FactoryError("cancelled", "gone");
      const checkpoint = (): void => {
        throw gone;
      };
      await assert.rejects(run(how, "sleep 7005", { checkpoint }), gone);
      assert.deepEqual(running("7005"), []);
    });
  });
}

describe("namespaces", () => {
  it("hide other files, other processes and the network, and give no privileges, or are rightly not chosen", async () => {
    if (best !== "namespaces") return await refuses(run("namespaces", "true"), /^(exit status|cannot be run)/);
    const outside = join(temporary.path, OUTSIDE);
    await writeFile(outside, "secret");
    const script = [
      `cat ${outside} 2>/dev/null || echo hidden`,
      `echo overwritten 2>/dev/null > ${outside}`,
      "(: > /usr/overlay-was-here) 2>/dev/null || echo read-only",
      "(: > /overlay-was-here) 2>/dev/null || echo read-only",
      "ls -d /etc /home /root /var 2>/dev/null || echo nothing",
      "cut -d: -f1 /proc/net/dev 2>/dev/null | tail -n +3 | tr -d ' '",
      "unshare --user true 2>/dev/null || echo refused",
      "grep CapEff /proc/self/status || echo 0000000000000000",
    ];
    const said = await run("namespaces", script.join("\n"));
    assert.match(said, /^hidden\nread-only\nread-only\nnothing\n(lo\n)?refused\n(CapEff:\t)?0000000000000000\n$/);
    assert.equal(await readFile(outside, "utf8"), "secret");
  });
});

it("says what cannot be run at all", async () => {
  await using folder = await privateFolder(temporary.path);
  const command = { ...folder, file: join(folder.work, "missing"), args: [] };
  const request = { command, stdin: "", limits: LIMITS, checkpoint: () => undefined };
  await refuses(runExecutable({ ...request, isolation: "none" }), /^cannot be run: .*ENOENT/);
  await refuses(runExecutable({ ...request, isolation: "limits" }), /^exit status 127.*not found/);
});
