// Keeps the uploaded listings of a tab in the browser, so that they are still there after a reload. Nothing is sent
// anywhere; another tab does not see them, and they are deleted a day after their upload.

const NAME = "estimator-upload";
const STORE = "uploads";
const TAB = "estimator-upload-tab"; // in session storage: it names the upload of this tab
const MAX_AGE_MS = 86_400_000;

/** Keep a source of listings, `{name, body, mediaType}`; a browser that keeps nothing, as in a private window, goes without. */
export async function keepUpload({ name, body, mediaType }) {
  const tab = sessionStorage.getItem(TAB) ?? String(Date.now() + Math.random());
  sessionStorage.setItem(TAB, tab);
  const content = await body.arrayBuffer();
  await inStore("readwrite", (store) => promiseOf(store.put({ name, content, mediaType, date: Date.now() }, tab))).catch(() => {});
}

/** Return the kept source, or undefined. */
export async function keptUpload() {
  await inStore("readwrite", deleteOld).catch(() => {});
  const tab = sessionStorage.getItem(TAB);
  const kept = tab ? await inStore("readonly", (store) => promiseOf(store.get(tab))).catch(() => undefined) : undefined;
  return kept && { name: kept.name, body: new Blob([kept.content]), mediaType: kept.mediaType };
}

async function deleteOld(store) {
  for (const tab of await promiseOf(store.getAllKeys())) {
    const { date } = await promiseOf(store.get(tab));
    if (Date.now() - date > MAX_AGE_MS) store.delete(tab);
  }
}

async function inStore(mode, action) {
  const opening = indexedDB.open(NAME, 1);
  opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(STORE));
  const database = await promiseOf(opening);
  try {
    return await action(database.transaction(STORE, mode).objectStore(STORE));
  } finally {
    database.close();
  }
}

const promiseOf = (request) => new Promise((done, fail) => {
  request.addEventListener("success", () => done(request.result));
  request.addEventListener("error", () => fail(request.error));
});
