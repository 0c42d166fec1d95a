// Conversations that this browser keeps, in IndexedDB. The server keeps none. A record: {id, title, changed (ms),
// pictures: [{id, name, blob, transparent, converted}], turns: [{id, question, pictures: [id], …}]}: turn.js says what a
// turn is.

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

// Turns have had no ids; in every tab they get the same.
const named = (record) => record && {...record, turns: record.turns.map((turn, i) => ({id: `${record.id}.${i}`, ...turn}))};

function done(transaction, result) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(result());
    transaction.onabort = () => reject(transaction.error);
  });
}

async function run(mode, what) {
  const transaction = (await opened()).transaction(kTable, mode);
  const request = what(transaction.objectStore(kTable));
  return done(transaction, () => request.result);
}

// All of them reject where this browser keeps nothing (a private window, no room).
export const remove = (id) => run("readwrite", (table) => table.delete(id));
export const clear = () => run("readwrite", (table) => table.clear());
export const load = async (id) => named(await run("readonly", (table) => table.get(id)));

// The newest first.
export async function all() {
  const records = await run("readonly", (table) => table.getAll());
  return records.map(named).sort((a, b) => b.changed - a.changed);
}

// Puts change(record), of which the record is undefined where there is none, and resolves to it. In one transaction:
// what another tab has kept is always seen.
export async function update(id, change) {
  const transaction = (await opened()).transaction(kTable, "readwrite");
  const table = transaction.objectStore(kTable);
  let changed;
  let failure = null;
  table.get(id).onsuccess = ({target}) => {
    try {
      changed = change(named(target.result));
      table.put(changed);
    } catch (caught) {
      failure = caught;
      transaction.abort();
    }
  };
  return done(transaction, () => changed).catch((error) => {
    throw failure ?? error;
  });
}
