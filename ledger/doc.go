// Package ledger owns a double-entry ledger on PostgreSQL: accounts, transactions, balances and closed days, in the
// schema `ledger` that package ledger/migrations brings up.
//
// It guarantees that
//   - a transaction is written whole or not at all, and only while each of its accounts keeps its limits;
//   - a (book, reference) is posted once, however often and from wherever it is sent;
//   - transactions and postings only grow: the program's database role cannot change or remove one;
//   - every posting carries what its two accounts stood at after it, so that Verify can say which row was touched;
//   - every transaction becomes a leaf of its book's Merkle tree, so that a signed Checkpoint holds the ledger to its past
//     and a Proof shows one transaction to a stranger;
//   - a closed day takes no more entries, and closing waits for postings under way.
//
// Amounts are int64 in the minor unit of an ISO 4217 currency. A book is a set of accounts that balances by itself;
// a transaction touches one book, and money between books stands in two accounts that mirror each other. A day is a
// time.Time at 00:00 UTC; instants are kept to the microsecond.
//
// It is not an accounting policy: it knows no business event, no calendar and no holiday, and moves no money.
package ledger
