// The reader's key: made here, kept by this browser in a form that no script can read out, used to open messages.

import { compactDecrypt } from "/static/vendor/jose/jwe/compact/decrypt.js";
import { compactVerify } from "/static/vendor/jose/jws/compact/verify.js";
import { calculateJwkThumbprint } from "/static/vendor/jose/jwk/thumbprint.js";
import { importJWK } from "/static/vendor/jose/key/import.js";

const CURVE = { name: "ECDH", namedCurve: "P-256" };
const USES = ["deriveBits"];
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const SKEW = 300;

function database() {
  return new Promise((done, failed) => {
    const request = indexedDB.open("warmlink", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("keys");
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

async function inStore(mode, work) {
  const db = await database();
  try {
    return await new Promise((done, failed) => {
      const transaction = db.transaction("keys", mode);
      const request = work(transaction.objectStore("keys"));
      transaction.oncomplete = () => done(request.result);
      transaction.onerror = () => failed(transaction.error);
    });
  } finally {
    db.close();
  }
}

/** The key of a member of staff in this browser: {kid, key, signer}, or undefined. */
export const kept = (staff) => inStore("readonly", (store) => store.get(staff));

/** Keep a key with the public key of whoever signs messages: from now on only that signer is believed. */
export const keep = (staff, made, signer) =>
  inStore("readwrite", (store) => store.put({ kid: made.kid, key: made.key, signer }, staff));

const publicHalf = ({ kty, crv, x, y }) => ({ kty, crv, x, y });

/** A new pair. With `spare` it passes through this page's memory once, to write its recovery code. */
export async function make(spare) {
  const pair = await crypto.subtle.generateKey(CURVE, spare, USES);
  const jwk = publicHalf(await crypto.subtle.exportKey("jwk", pair.publicKey));
  const kid = await calculateJwkThumbprint(jwk);
  if (!spare) return { kid, jwk, key: pair.privateKey };
  const whole = await crypto.subtle.exportKey("jwk", pair.privateKey);
  return { ...(await fromPrivate({ ...jwk, d: whole.d })), recovery: await written(whole.d) };
}

/** A pair from a private JWK; its private half becomes unreadable at once. Rejects when the halves do not belong together. */
export async function fromPrivate(jwk) {
  const half = publicHalf(jwk);
  const key = await crypto.subtle.importKey("jwk", { ...half, d: jwk.d }, CURVE, false, USES);
  return { kid: await calculateJwkThumbprint(half), jwk: half, key };
}

const bytesOf = (base64url) => Uint8Array.from(atob(base64url.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const base64urlOf = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

/** 256 bits of key and 24 of checksum, as letters in groups of four: 56 letters. */
async function written(d) {
  const key = bytesOf(d);
  const check = new Uint8Array(await crypto.subtle.digest("SHA-256", key)).slice(0, 3);
  let bits = 0n;
  for (const byte of [...key, ...check]) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let n = 0; n < 56; n += 1, bits >>= 5n) text = LETTERS[Number(bits & 31n)] + text;
  return text.match(/.{4}/g).join(" ");
}

/** The private scalar of a recovery code. Throws when a letter is wrong. */
async function read(code) {
  const letters = code.toUpperCase().replace(/[^A-Z2-7]/g, "");
  if (letters.length !== 56) throw new Error("length");
  let bits = 0n;
  for (const letter of letters) bits = (bits << 5n) | BigInt(LETTERS.indexOf(letter));
  const bytes = new Uint8Array(35);
  for (let n = 34; n >= 0; n -= 1, bits >>= 8n) bytes[n] = Number(bits & 255n);
  const [key, check] = [bytes.slice(0, 32), bytes.slice(32)];
  const right = new Uint8Array(await crypto.subtle.digest("SHA-256", key)).slice(0, 3);
  if (check.some((byte, n) => byte !== right[n])) throw new Error("checksum");
  return base64urlOf(key);
}

/** The pair of a recovery code, whichever of one's own public keys it fits. */
export async function restore(code, mine) {
  const d = await read(code);
  for (const { jwk } of mine) {
    try {
      return await fromPrivate({ ...jwk, d });
    } catch {
      // another key of theirs
    }
  }
  throw new Error("no key fits");
}

/** What a sealed message says. Throws "key", "signer", "seal" or "expired"; never gives what it could not verify. */
export async function open(jwe, mine, alert, now) {
  const opened = await compactDecrypt(jwe, mine.key, {
    keyManagementAlgorithms: ["ECDH-ES+A256KW"],
    contentEncryptionAlgorithms: ["A256GCM"],
  }).catch(() => { throw new Error("seal"); });
  const signer = await importJWK(mine.signer, "Ed25519");
  const signed = await compactVerify(new TextDecoder().decode(opened.plaintext), signer, { algorithms: ["Ed25519"] })
    .catch(() => { throw new Error("signer"); });
  const claims = JSON.parse(new TextDecoder().decode(signed.payload));
  const seconds = Date.parse(now) / 1000;
  if (claims.aud !== mine.kid) throw new Error("key");
  if (claims.alert !== alert || claims.iat > seconds + SKEW) throw new Error("seal");
  if (claims.exp <= seconds) throw new Error("expired");
  return claims.content;
}
