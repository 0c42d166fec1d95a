// A conversation that several tabs hold. What each of them added stays, what one of them took away goes.

// What was answered is never replaced by what was not (yet).
const rank = (turn) => turn.meta ? 2 : turn.failure ? 1 : 0;
export const better = (own, stored) =>
  rank(own) > rank(stored) || (rank(own) === rank(stored) && own.failure === stored.failure) ? own : stored;

// mine, stored: [{id, …}] of this tab and of the store. known: the ids that the store had when this tab looked last;
// dropped: those that this tab has taken away. choose(own, stored): of one that both have.
export function merge(mine, stored, known, dropped, choose = better) {
  const own = new Map(mine.map((each) => [each.id, each]));
  const there = new Set(stored.map(({id}) => id));
  return [
    ...stored.filter(({id}) => !dropped.has(id)).map((each) => own.has(each.id) ? choose(own.get(each.id), each) : each),
    ...mine.filter(({id}) => !there.has(id) && !known.has(id)),
  ];
}
