// Conversations that this browser keeps, in IndexedDB. The server keeps none. A record: {id, title, changed (ms),
// pictures: [{id, name, blob, transparent, converted}], turns: [{question, pictures: [id], …}]}: turn.js says what a turn is.

const kName = "ocellus";
const kTable = "conversations";

let database = null;  // a promise

function opened() {
  database ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(kName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(kTable, {keyPath: "id"});
    request.onsuccess = () => {
      request.result.onclose = () => (database = null);  // the browser has taken it away
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  // The next try may fare better: there is room again, or the user has allowed it.
  database.catch(() => (database = null));
  return database;
}

async function run(mode, what) {
  const transaction = (await opened()).transaction(kTable, mode);
  const request = what(transaction.objectStore(kTable));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(transaction.error);
  });
}

// All of them reject where this browser keeps nothing (a private window, no room).
export const save = (record) => run("readwrite", (table) => table.put(record));
export const remove = (id) => run("readwrite", (table) => table.delete(id));
export const clear = () => run("readwrite", (table) => table.clear());
export const load = (id) => run("readonly", (table) => table.get(id));

// The newest first.
export async function all() {
  const records = await run("readonly", (table) => table.getAll());
  return records.sort((a, b) => b.changed - a.changed);
}
