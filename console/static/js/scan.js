// The scan of a form stays on this machine: only its SHA-256 goes with the entry.

const file = document.getElementById("scan");

file?.addEventListener("change", async () => {
  const [chosen] = file.files;
  const digest = chosen ? new Uint8Array(await crypto.subtle.digest("SHA-256", await chosen.arrayBuffer())) : [];
  const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  document.getElementById("document").value = hex;
  document.getElementById("scan-said").textContent = hex && `SHA-256 ${hex}`;
});
