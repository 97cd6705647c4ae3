package ledger

// Mirror names two kinds of account that stand for one debt between two books: what book A has on DueFrom followed by
// B must be what book B has on DueTo followed by A. The zero Mirror means there are none.
type Mirror struct {
	DueFrom string // prefix of an account code
	DueTo   string // prefix of an account code
}
