package ledger

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg/pgtest"
)

// TestBooksAreReadInTheOrderOfTheirKeys: on tables that nobody analysed, a book is read in the order in which it was
// entered without reading other books and without sorting.
func TestBooksAreReadInTheOrderOfTheirKeys(t *testing.T) {
	ctx := context.Background()
	err := pgx.BeginFunc(ctx, pgtest.New(t), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlInKeyOrder); err != nil {
			return err
		}
		for name, sql := range map[string]string{"transactions": byEntry.transactions, "postings": byEntry.legs} {
			rows, err := tx.Query(ctx, "EXPLAIN "+sql, "A01", nil, nil)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			plan := strings.Join(lines, "\n")
			if strings.Contains(plan, "Sort  (") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Index Scan using "+name+"_pkey") {
				t.Errorf("%s are read by\n%s", name, plan)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
