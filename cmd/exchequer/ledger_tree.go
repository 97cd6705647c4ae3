package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/ledger"
)

type ledgerSealCmd struct {
	JSON bool `name:"json" help:"One JSON document."`
}

type sealedBooks struct {
	Sealed int           `json:"sealed"` // transactions, by this command
	Trees  []ledger.Tree `json:"trees"`
}

// Run seals every book, as a running program does by itself.
func (c ledgerSealCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		taken, err := g.sealAll(ctx)
		if err != nil {
			return err
		}
		out := sealedBooks{Trees: []ledger.Tree{}}
		for _, n := range taken {
			out.Sealed += n
		}
		if trees, err := g.ledger.Trees(ctx); err != nil {
			return err
		} else if trees != nil {
			out.Trees = trees
		}
		return e.print(c.JSON, out, func(w io.Writer) {
			tellTrees(w, out.Trees)
			fmt.Fprintf(w, "%d transactions sealed now\n", out.Sealed)
		})
	})
}

func tellTrees(w io.Writer, trees []ledger.Tree) {
	for _, t := range trees {
		fmt.Fprintf(w, "%s\t%d\t%x\n", t.Book, t.Size, t.Root)
	}
}

type ledgerCheckpointCmd struct {
	To   string `help:"Folder, outside the database; by default that of the state folder."`
	Day  string `help:"The day it is kept for, YYYY-MM-DD; by default the last that was closed, today where none was."`
	JSON bool   `name:"json" help:"One JSON document."`
}

type publishedCheckpoint struct {
	Day       string        `json:"day"`
	Folder    string        `json:"folder"`
	PublicKey string        `json:"public_key"`
	Trees     []ledger.Tree `json:"trees"`
}

// Run publishes the checkpoint of a day. One that is published stays as it is, and is told.
func (c ledgerCheckpointCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		day, err := c.day(ctx, g)
		if err != nil {
			return err
		}
		to := g.checkpoints()
		to.folder = orElse(c.To, to.folder)
		k, err := g.publish(ctx, to, day)
		if err != nil {
			return err
		}
		public, err := to.PublicKey()
		if err != nil {
			return err
		}
		out := publishedCheckpoint{calendar.DateOf(k.Day).String(), to.folder, public, k.Trees}
		return e.print(c.JSON, out, func(w io.Writer) {
			tellTrees(w, out.Trees)
			fmt.Fprintf(w, "checkpoint of %s in %s, to be checked with %s\n", out.Day, out.Folder, out.PublicKey)
		})
	})
}

// day is a closed one by default: a checkpoint of an open day would be that day's word, without what is posted after it.
func (c ledgerCheckpointCmd) day(ctx context.Context, g *gateway) (time.Time, error) {
	if c.Day != "" {
		day, err := parseDay("--day", c.Day)
		return day.UTC(), err
	}
	books, err := g.ledger.Books(ctx)
	if err != nil {
		return time.Time{}, err
	}
	closed, err := g.lastClosed(ctx, books)
	if closed.IsZero() {
		closed = calendar.DayOf(g.clock.Now()).UTC()
	}
	return closed, err
}

type ledgerProveCmd struct {
	Book        string `arg:"" help:"The book."`
	Reference   string `arg:"" help:"The transaction's reference."`
	Checkpoints string `help:"Folder of the checkpoints; by default that of the state folder."`
	Key         string `help:"File with the checkpoints' public key; by default the one in their folder."`
}

// Run prints the proof, one JSON document: that is what goes into a file for whoever checks it.
func (c ledgerProveCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		folder := orElse(c.Checkpoints, g.checkpoints().folder)
		key, err := readPublicKey(c.Key, folder)
		if err != nil {
			return err
		}
		all, unsigned, err := readCheckpoints(folder, key, nil)
		if err != nil {
			return err
		}
		p, err := g.ledger.Prove(ctx, ledger.ProofQuery{Book: c.Book, Reference: c.Reference, Checkpoints: all})
		if errors.Is(err, ledger.ErrNotCheckpointed) && len(unsigned) > 0 {
			return problem.AtField(problem.Invalid, "--checkpoints", "%s", unsigned[0].Detail) // what would have it may be this one
		}
		if err != nil {
			return err
		}
		return e.print(true, p, nil)
	})
}

type ledgerCheckProofCmd struct {
	File string `arg:"" help:"The proof, as prove printed it."`
	Key  string `required:"" help:"File with the checkpoints' public key."`
	JSON bool   `name:"json" help:"One JSON document."`
}

type checkedProof struct {
	OK      bool   `json:"ok"`
	Day     string `json:"day,omitempty"` // of the checkpoint
	Content string `json:"content,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Run checks a proof with the key alone: no server is asked. A proof that does not hold ends with status 1.
func (c ledgerCheckProofCmd) Run(e *environment) error {
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return problem.AtField(problem.Invalid, "file", "%v", err)
	}
	key, err := readPublicKey(c.Key, "")
	if err != nil {
		return err
	}
	var out checkedProof
	var p ledger.Proof
	if err := json.Unmarshal(raw, &p); err != nil {
		out.Reason = "it is no proof: " + err.Error()
	} else if k, err := ledger.CheckProof(p, key); err != nil {
		out.Reason = err.Error()
	} else {
		out = checkedProof{OK: true, Day: calendar.DateOf(k.Day).String(), Content: p.Content}
	}
	err = e.print(c.JSON, out, func(w io.Writer) {
		if out.OK {
			fmt.Fprintf(w, "%sstood in the ledger when the checkpoint of %s was signed\n", out.Content, out.Day)
		} else {
			fmt.Fprintln(w, "the proof does not hold:", out.Reason)
		}
	})
	if err == nil && !out.OK {
		return errFindings
	}
	return err
}
