// Package reconciliation holds a partner's books against ours: a provider's settlement file against the payments we
// booked, a bank statement against what we wait for. It owns what meets (matches), what does not (breaks), and the files
// and statements that came in.
//
// It guarantees that
//   - every line of a file ends in exactly one outcome, and no đồng of it is lost between matches and breaks;
//   - a file is known by its content: the same one again changes nothing, another one for the same day is not applied,
//     one that contradicts itself is not applied, and each of these reaches a person as a finding;
//   - a match, its booking, the expectation it meets, the break and the audit row stand in one database transaction, so
//     that an import that was cut off goes on when the file is imported again;
//   - money that arrived is booked, to unallocated where nobody knows whose it is. A debit that nobody knows is not
//     booked: it stays a named open item of the bank's roll-forward.
//
// The matching itself (match.go, entry.go) is pure and deterministic: it reads no clock and no database. The package
// reads no provider's own format (adapters do), never calls a provider inside a database transaction, pays nothing
// out and closes no day.
package reconciliation
