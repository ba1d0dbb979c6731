import { X509Certificate } from "node:crypto";
import { Agent as PlainAgent } from "node:http";
import { Agent as SecureAgent } from "node:https";
import { createSecureContext, getCACertificates } from "node:tls";
import { SourceError } from "./errors.ts";

/** Connections are kept for the next question, but an idle one for at most five seconds. */
const KEEP = { keepAlive: true, scheduling: "lifo", timeout: 5000 } as const;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const plain = new PlainAgent(KEEP);
/** By the certificates trusted besides the usual ones; a process has one or two of them. */
const secure = new Map<string, SecureAgent>();

/** Gives `pem` back when it holds nothing but readable certificates, at least one. Throws `malformed`. */
export function checkCertificates(pem: string): string {
  const found = pem.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new SourceError("malformed", "expected certificates in PEM form");
  if (/PRIVATE KEY/.test(pem)) throw new SourceError("malformed", "holds a private key, which does not belong here");
  for (const [i, text] of found.entries()) {
    try {
      new X509Certificate(text);
    } catch (cause) {
      throw new SourceError("malformed", `certificate ${i} cannot be read`, { cause });
    }
  }
  return pem;
}

function secureAgent(ca: string): SecureAgent {
  const known = secure.get(ca);
  if (known) return known;
  // Made once: reading hundreds of certificates takes longer than a handshake.
  const trusted = new Set([...getCACertificates("default"), ...getCACertificates("system")]);
  if (ca !== "") trusted.add(ca);
  const agent = new SecureAgent({ ...KEEP, secureContext: createSecureContext({ ca: [...trusted] }) });
  secure.set(ca, agent);
  return agent;
}

/**
 * The connections for a URL. https trusts the certificates Node brings, those of the system, and `ca` (PEM; empty
 * for none).
 */
export function agentFor(url: URL, ca: string): PlainAgent {
  return url.protocol === "https:" ? secureAgent(ca) : plain;
}
