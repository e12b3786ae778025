// Passkeys: the browser's own dialogue, between two requests to our server.

import { ask } from "./ask.js";

const bytesOf = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const textOf = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function use() {
  const options = await ask("/sign-in/passkey/options", {});
  const credential = await navigator.credentials.get({ publicKey: { ...options, challenge: bytesOf(options.challenge), allowCredentials: [] } });
  const { authenticatorData, clientDataJSON, signature, userHandle } = credential.response;
  return ask("/sign-in/passkey", {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response: {
      authenticatorData: textOf(authenticatorData),
      clientDataJSON: textOf(clientDataJSON),
      signature: textOf(signature),
      userHandle: userHandle ? textOf(userHandle) : null,
    },
  });
}

async function add() {
  const options = await ask("/account/passkey/options", {});
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytesOf(options.challenge),
      user: { ...options.user, id: bytesOf(options.user.id) },
      excludeCredentials: (options.excludeCredentials ?? []).map((c) => ({ ...c, id: bytesOf(c.id) })),
    },
  });
  const { attestationObject, clientDataJSON } = credential.response;
  const label = `?label=${encodeURIComponent(navigator.userAgentData?.platform ?? "Passkey")}`;
  return ask(`/account/passkey${label}`, {
    id: credential.id,
    rawId: textOf(credential.rawId),
    type: credential.type,
    response: { attestationObject: textOf(attestationObject), clientDataJSON: textOf(clientDataJSON) },
  });
}

function wire(id, work) {
  const button = document.getElementById(id);
  button?.addEventListener("click", async () => {
    const said = document.getElementById("passkey-said");
    said.hidden = true;
    try {
      location.assign((await work()).to);
    } catch {
      said.textContent = button.dataset.failed;
      said.hidden = false;
    }
  });
}

wire("passkey", use);
wire("add-passkey", add);
