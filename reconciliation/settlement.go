package reconciliation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/booking"
	"exchequer/internal/finding"
	"exchequer/internal/money"
	"exchequer/internal/problem"
	"exchequer/providers"
)

// ImportSettlement reads a partner's settlement file of a day (00:00 UTC), announces its payments and opens a break for
// each that does not agree, in one transaction. Importing the same file again changes nothing; a restated or faulty one
// is a finding and changes nothing else. Invalid: it is not a settlement file at all.
func (d *Desk) ImportSettlement(ctx context.Context, actor Actor, partner string, day time.Time, file []byte) (Report, error) {
	source, err := d.source(actor, partner)
	if err != nil {
		return Report{}, err
	}
	batches, err := source.ReadSettlement(bytes.NewReader(file))
	if err != nil && (len(batches) == 0 || !errors.Is(err, providers.ErrMalformed)) {
		return d.unreadable(ctx, newReport("settlement", partner, day), finding.FileFault, file, err)
	}
	in := settlementImport{desk: d, actor: actor, partner: partner, day: day, batches: batches}
	in.faults = settlementFaults(day, batches)
	if err != nil && len(in.faults) == 0 {
		in.faults = append(in.faults, err.Error())
	}
	in.digest = settlementDigest(partner, day, batches)
	if err != nil {
		// What could not be read is part of what the file is.
		in.digest = rawDigest(file)
	}
	var report Report
	err = d.inTx(ctx, d.Pool, func(tx pgx.Tx) error {
		report = newReport("settlement", partner, day)
		report.Digest = in.digest
		for _, b := range batches {
			report.Lines += len(b.Lines)
		}
		return in.applyTx(ctx, tx, &report)
	})
	return report, err
}

// unreadable keeps the finding that a file came which is none, and refuses it.
func (d *Desk) unreadable(ctx context.Context, report Report, kind finding.Kind, file []byte, cause error) (Report, error) {
	report.State, report.Digest = Faulty, rawDigest(file)
	err := d.inTx(ctx, d.Pool, func(tx pgx.Tx) error {
		report.Findings = nil
		return d.findTx(ctx, tx, &report, kind, "unreadable", "it cannot be read: ask for it again")
	})
	if err != nil {
		return report, err
	}
	return report, problem.AtField(problem.Invalid, "file", "%v", cause)
}

// settlementFaults names what makes a file unfit to be applied: it must be for the day, in đồng, name each batch once,
// and each batch must be the sum of its lines.
func settlementFaults(day time.Time, batches []providers.Settlement) []string {
	var faults []string
	seen := make(map[string]bool)
	for _, b := range batches {
		switch {
		case !nameable(b.Batch):
			faults = append(faults, fmt.Sprintf("a batch has no name that can be kept: %.40q", b.Batch))
		case !storable(b.Merchant):
			faults = append(faults, fmt.Sprintf("batch %s has a merchant that cannot be kept", b.Batch))
		case seen[b.Batch]:
			faults = append(faults, fmt.Sprintf("batch %s stands in it twice", b.Batch))
		case !b.Day.Equal(day):
			faults = append(faults, fmt.Sprintf("batch %s is of %s", b.Batch, b.Day.Format(time.DateOnly)))
		case b.Currency != booking.Currency:
			faults = append(faults, fmt.Sprintf("batch %s is in %q, not in %s", b.Batch, b.Currency, booking.Currency))
		case b.Net < 0:
			faults = append(faults, fmt.Sprintf("batch %s is below zero", b.Batch))
		}
		seen[b.Batch] = true
		if sum, ok := netOf(b); !ok {
			faults = append(faults, fmt.Sprintf("batch %.40q has a line, or a sum, that is not an amount of money", b.Batch))
		} else if sum != b.Net {
			faults = append(faults, fmt.Sprintf("batch %.40q states %d and its lines are %d", b.Batch, b.Net, sum))
		}
		for i, l := range b.Lines {
			if !nameable(l.Reference) || !storable(l.ProviderID) {
				faults = append(faults, fmt.Sprintf("batch %.40q, line %d: its reference or number cannot be kept", b.Batch, i+1))
				break
			}
		}
	}
	return faults
}

// nameable reports that a text can be the name of a batch or a payment; storable, that it can be kept beside one. What
// another sends may be no text at all.
func nameable(s string) bool { return s != "" && storable(s) }

func storable(s string) bool {
	return len(s) <= 128 && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// netOf adds a batch's lines up; false where one is beyond any payment, or their sum beyond any batch. A line is far
// below what is left to the limit of int64, so no step of the sum can overflow.
func netOf(b providers.Settlement) (int64, bool) {
	var sum int64
	for _, l := range b.Lines {
		if l.Amount < 0 || l.Amount > money.MaxAmount || l.Fee < 0 || l.Fee > money.MaxAmount {
			return 0, false
		}
		if sum += l.Amount - l.Fee; sum > mostNet || sum < -mostNet {
			return 0, false
		}
	}
	return sum, true
}

// mostNet is the most that one batch may pay over, in đồng: a hundred times the largest payment.
const mostNet = 100 * money.MaxAmount

// settlementImport is one file on its way in.
type settlementImport struct {
	desk    *Desk
	actor   Actor
	partner string
	day     time.Time
	batches []providers.Settlement
	faults  []string
	digest  string
}

func (in settlementImport) applyTx(ctx context.Context, tx pgx.Tx, report *Report) error {
	d := in.desk
	if fault := d.ahead(in.day); fault != "" {
		report.State = Faulty
		return d.findTx(ctx, tx, report, finding.FileFault, "of-no-day", fault)
	}
	if len(in.faults) == 0 {
		known, err := d.knownBatchesTx(ctx, tx, in.partner, in.day, in.batches)
		if err != nil {
			return err
		}
		for _, batch := range known {
			in.faults = append(in.faults, fmt.Sprintf("batch %s stands in the file of another day", batch))
		}
	}
	var err error
	report.State, err = d.registerTx(ctx, tx, in.actor, file{
		kind: "settlement", partner: in.partner, day: in.day, digest: in.digest, entries: report.Lines, faulty: len(in.faults) > 0,
	})
	if err != nil {
		return err
	}
	if report.State != Applied {
		return in.notAppliedTx(ctx, tx, report)
	}
	for _, b := range in.batches {
		if err := d.storeBatchTx(ctx, tx, in.partner, in.digest, b); err != nil {
			return err
		}
		corrected := closing{partner: in.partner, refs: []string{b.Batch}, reason: "corrected", by: in.partner + ":" + report.Day}
		if err := d.closeTx(ctx, tx, report, bookKind{booking.House, BatchDiffers}, corrected); err != nil {
			return err
		}
	}
	if err := d.announceTx(ctx, tx, report, in.partner, in.day); err != nil {
		return err
	}
	if err := d.missingThereTx(ctx, tx, report, in.partner, in.day); err != nil {
		return err
	}
	return d.auditTx(ctx, tx, in.actor, audit.Act{
		Action: "settlement.import", Book: booking.House, Subject: in.partner + ":" + report.Day,
		Detail: map[string]string{"digest": in.digest, "lines": strconv.Itoa(report.Lines), "matched": strconv.Itoa(report.Matched)},
	})
}

// notAppliedTx tells a person about a file that changes nothing.
func (in settlementImport) notAppliedTx(ctx context.Context, tx pgx.Tx, report *Report) error {
	d := in.desk
	switch report.State {
	case Repeated:
		if byProgram(in.actor) {
			return nil
		}
		return d.findTx(ctx, tx, report, finding.FileFault, "repeated", "this file was imported before: nothing was done")
	case Restated:
		return d.findTx(ctx, tx, report, finding.FileFault, "restated",
			"another file of this day is applied: it was kept and not applied, ask the provider which one holds")
	}
	for _, b := range in.batches {
		if sum, ok := netOf(b); ok && sum != b.Net && nameable(b.Batch) {
			err := d.openTx(ctx, tx, report, Break{Book: booking.House, Kind: BatchDiffers, Partner: in.partner, Ref: b.Batch,
				Day: report.Day, Expected: sum, Found: b.Net, Source: b.Batch})
			if err != nil {
				return err
			}
		}
	}
	if len(in.faults) > maxFaults {
		in.faults = append(in.faults[:maxFaults:maxFaults], "and more")
	}
	return d.findTx(ctx, tx, report, finding.FileFault, "faulty",
		fmt.Sprintf("it contradicts itself and was not applied, ask for a corrected one: %q", in.faults))
}

// maxFaults bounds what is told of one file.
const maxFaults = 5
