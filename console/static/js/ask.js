// Requests to our own server: the session travels in its cookie, the page's token beside it.

const csrf = document.querySelector("meta[name=csrf]").content;

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function ask(path, body) {
  const answer = await fetch(path, {
    method: body === undefined ? "GET" : "POST",
    headers: { accept: "application/json", "x-csrf-token": csrf, ...(body === undefined ? {} : { "content-type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
  });
  if (answer.status === 401) {
    location.assign("/sign-in");
    throw new Refused(401, "");
  }
  const read = await answer.json();
  if (!answer.ok) throw new Refused(answer.status, read.detail ?? "");
  return read;
}
