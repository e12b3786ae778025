// Opens or makes a sealed alert with npm's jose, the library that runs in the clinician's browser.
import { readFileSync } from "node:fs";
import { CompactEncrypt, CompactSign, calculateJwkThumbprint, compactDecrypt, compactVerify, importJWK } from "./jose.mjs";

const input = JSON.parse(readFileSync(0, "utf8"));
const text = new TextDecoder();

async function open({ jwe, recipient, signer }) {
  const key = await importJWK(recipient, "ECDH-ES+A256KW");
  const outer = await compactDecrypt(jwe, key, {
    keyManagementAlgorithms: ["ECDH-ES+A256KW"],
    contentEncryptionAlgorithms: ["A256GCM"],
  });
  const inner = await compactVerify(text.decode(outer.plaintext), await importJWK(signer, "Ed25519"), {
    algorithms: ["Ed25519"],
  });
  return { kid: await calculateJwkThumbprint(recipient), claims: JSON.parse(text.decode(inner.payload)) };
}

async function make({ claims, recipient, signer, recipientKid, signerKid }) {
  const jws = await new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "Ed25519", kid: signerKid })
    .sign(await importJWK(signer, "Ed25519"));
  const jwe = await new CompactEncrypt(new TextEncoder().encode(jws))
    .setProtectedHeader({ alg: "ECDH-ES+A256KW", enc: "A256GCM", kid: recipientKid, cty: "JOSE" })
    .encrypt(await importJWK(recipient, "ECDH-ES+A256KW"));
  return { jwe };
}

const answer = await { open, make }[input.do](input);
process.stdout.write(JSON.stringify(answer));
