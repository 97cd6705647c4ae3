package pg

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// The SQLSTATEs the program tells apart (PostgreSQL manual, appendix A).
const (
	uniqueViolation       = "23505"
	serializationFailure  = "40001"
	deadlockDetected      = "40P01"
	invalidParameterValue = "22023"
	undefinedTable        = "42P01"
	insufficientPrivilege = "42501"
)

// IsUnique reports whether err is a violation of the named unique or primary key constraint.
func IsUnique(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == uniqueViolation && pgErr.ConstraintName == constraint
}

// IsSerialization reports whether the transaction lost against another one (serialization failure or deadlock): nothing
// of it was written, and the whole of it may be done again.
func IsSerialization(err error) bool {
	c := code(err)
	return c == serializationFailure || c == deadlockDetected
}

// code gives the SQLSTATE of err, or "" where it does not come from the server.
func code(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}
