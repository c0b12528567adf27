// The page's pass: the one-time code of the address, swapped for a secret that this tab keeps.

const KEPT = "gwproxy-page";

let secret = sessionStorage.getItem(KEPT);
let locked = () => {};

/** An answer that is not what was asked for; `message` has the gateway's words. */
export class Refusal extends Error {
  constructor(status, words) {
    super(words);
    this.status = status;
  }
}

/** Whether this tab has a pass; swaps the code of the address first. Throws Refusal when that
 *  code is not taken and there is no older pass. */
export async function enter() {
  const code = /^#code=(.+)$/.exec(location.hash)?.[1];
  if (code === undefined) return secret !== null;
  // At once, so that it stands in no history and no copied address.
  history.replaceState(null, "", location.pathname + location.search + "#/");
  try {
    const answer = await fetch("api/enter", {
      ...QUIETLY,
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code: decodeURIComponent(code) }),
    });
    secret = (await read(answer)).secret;
    sessionStorage.setItem(KEPT, secret);
  } catch (error) {
    if (secret === null) throw error;
  }
  return true;
}

/** `act` is called when the gateway does not know our pass any more. */
export function whenLocked(act) {
  locked = act;
}

// "cors", though it asks nobody else (the policy sees to that): in the mode "same-origin" a page that
// sends no referrer posts with the Origin "null", as the Fetch standard says and Firefox does.
const QUIETLY = { cache: "no-store", credentials: "omit", redirect: "error", mode: "cors" };

/** The JSON of one of the page's own routes. Throws Refusal, and TypeError when nobody answers. */
export async function ask(path, options = {}) {
  return read(await open(path, options));
}

/** POSTs JSON. */
export function tell(path, body) {
  return ask(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** The bare answer of one of the page's own routes. */
export async function open(path, { headers = {}, ...options } = {}) {
  if (secret === null) throw new Refusal(403, "this tab has no pass");
  const answer = await fetch(`api/${path}`, {
    ...QUIETLY,
    ...options,
    headers: { ...headers, "x-gwproxy-page": secret },
  });
  if (answer.status === 401 || answer.status === 403) {
    secret = null;
    sessionStorage.removeItem(KEPT);
    locked();
  }
  return answer;
}

async function read(answer) {
  if (answer.ok) return answer.json();
  let words = `the gateway answered ${answer.status}`;
  try {
    const { error } = await answer.json();
    words = typeof error === "string" ? error : (error?.message ?? words);
  } catch {
    // Its status must do.
  }
  throw new Refusal(answer.status, words);
}
