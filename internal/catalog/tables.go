package catalog

import (
	"strings"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// keyed joins what makes a row the only one of its kind; no part has a blank in it.
func keyed(parts ...string) string { return strings.Join(parts, " ") }

var bookTable = &table[Book]{
	file: "books.csv",
	columns: []column[Book]{
		text("key", isBook, func(b *Book) *string { return &b.Key }),
		text("name", isText, func(b *Book) *string { return &b.Name }),
	},
	identity: []string{"key"},
}

var bodyTable = &table[Body]{
	file: "bodies.csv",
	columns: dated(func(b *Body) *Period { return &b.Period },
		text("code", isPart, func(b *Body) *string { return &b.Code }),
		text("book", isBook, func(b *Body) *string { return &b.Book }),
		text("kind", isName, func(b *Body) *string { return &b.Kind }),
		text("area", orNone(isPart), func(b *Body) *string { return &b.Area }),
		text("level", oneOf(Central, Local), func(b *Body) *string { return &b.Level }),
		text("name_vi", isText, func(b *Body) *string { return &b.NameVI }),
		text("name_en", isText, func(b *Body) *string { return &b.NameEN }),
		text("successor", orNone(isPart), func(b *Body) *string { return &b.Successor }),
	),
	identity: []string{"code"},
	period:   func(b *Body) *Period { return &b.Period },
}

var accountTable = &table[Account]{
	file: "accounts.csv",
	columns: dated(func(a *Account) *Period { return &a.Period },
		text("body", isPart, func(a *Account) *string { return &a.Body }),
		text("code", isPart, func(a *Account) *string { return &a.Code }),
		text("kind", oneOf(Treasury, Bank), func(a *Account) *string { return &a.Kind }),
		text("number", isNumber, func(a *Account) *string { return &a.Number }),
		text("at", isText, func(a *Account) *string { return &a.At }),
	),
	identity: []string{"body", "code"},
	period:   func(a *Account) *Period { return &a.Period },
}

var procedureTable = &table[Procedure]{
	file: "procedures.csv",
	columns: dated(func(p *Procedure) *Period { return &p.Period },
		text("code", isPart, func(p *Procedure) *string { return &p.Code }),
		text("service", isName, func(p *Procedure) *string { return &p.Service }),
		text("name_vi", isText, func(p *Procedure) *string { return &p.NameVI }),
		text("name_en", isText, func(p *Procedure) *string { return &p.NameEN }),
		text("body_kind", isName, func(p *Procedure) *string { return &p.BodyKind }),
	),
	identity: []string{"code"},
	period:   func(p *Procedure) *Period { return &p.Period },
}

var chargeTable = &table[Charge]{
	file: "charges.csv",
	columns: dated(func(c *Charge) *Period { return &c.Period },
		text("charge", isName, func(c *Charge) *string { return &c.Code }),
		text("name_vi", isText, func(c *Charge) *string { return &c.NameVI }),
		text("name_en", isText, func(c *Charge) *string { return &c.NameEN }),
		text("nature", oneOf(Fee, "charge", "fine", "tax", "insurance", "price"), func(c *Charge) *string { return &c.Nature }),
		text("split", orNone(isName), func(c *Charge) *string { return &c.Split }),
	),
	identity: []string{"charge"},
	period:   func(c *Charge) *Period { return &c.Period },
}

var regimeTable = &table[regime]{
	file: "regimes.csv",
	columns: dated(func(r *regime) *Period { return &r.Period },
		text("body", isPart, func(r *regime) *string { return &r.Body }),
		text("charge", isName, func(r *regime) *string { return &r.Charge }),
		text("regime", oneOf(Allotted, AllottedDifficultArea, NotAllotted), func(r *regime) *string { return &r.Regime }),
	),
	identity: []string{"body", "charge"},
	period:   func(r *regime) *Period { return &r.Period },
}

var areaTable = &table[Area]{
	file: "areas.csv",
	columns: dated(func(a *Area) *Period { return &a.Period },
		text("code", isPart, func(a *Area) *string { return &a.Code }),
		text("level", oneOf("province"), func(a *Area) *string { return &a.Level }),
		text("name_vi", isText, func(a *Area) *string { return &a.NameVI }),
		text("name_en", isText, func(a *Area) *string { return &a.NameEN }),
	),
	identity: []string{"code"},
	period:   func(a *Area) *Period { return &a.Period },
}

var successionTable = &table[succession]{
	file: "area_successors.csv",
	columns: []column[succession]{
		text("old", isPart, func(s *succession) *string { return &s.Old }),
		text("new", isPart, func(s *succession) *string { return &s.New }),
		day("on", isText, func(s *succession) *calendar.Date { return &s.On }),
	},
	identity: []string{"old", "on"},
}

var chapterTable = &table[IndexCode]{
	file: "chapters.csv",
	columns: dated(func(i *IndexCode) *Period { return &i.Period },
		text("code", isPart, func(i *IndexCode) *string { return &i.Code }),
		text("name_vi", isText, func(i *IndexCode) *string { return &i.NameVI }),
		text("name_en", isText, func(i *IndexCode) *string { return &i.NameEN }),
	),
	identity: []string{"code"},
	period:   func(i *IndexCode) *Period { return &i.Period },
}

var subItemTable = &table[IndexCode]{
	file: "sub_items.csv",
	columns: dated(func(i *IndexCode) *Period { return &i.Period },
		text("code", isPart, func(i *IndexCode) *string { return &i.Code }),
		text("name_vi", isText, func(i *IndexCode) *string { return &i.NameVI }),
		text("name_en", isText, func(i *IndexCode) *string { return &i.NameEN }),
	),
	identity: []string{"code"},
	period:   func(i *IndexCode) *Period { return &i.Period },
}

var budgetTable = &table[BudgetLine]{
	file: "budget_lines.csv",
	columns: dated(func(l *BudgetLine) *Period { return &l.Period },
		text("charge", isName, func(l *BudgetLine) *string { return &l.Charge }),
		text("body", isPart, func(l *BudgetLine) *string { return &l.Body }),
		text("part", isName, func(l *BudgetLine) *string { return &l.Part }),
		text("budget", isPart, func(l *BudgetLine) *string { return &l.Budget }),
		text("chapter", orNone(isPart), func(l *BudgetLine) *string { return &l.Chapter }),
		text("sub_item", orNone(isPart), func(l *BudgetLine) *string { return &l.SubItem }),
		text("area", orNone(isPart), func(l *BudgetLine) *string { return &l.Area }),
		text("account", isPart, func(l *BudgetLine) *string { return &l.Account }),
	),
	identity: []string{"body", "charge", "part"},
	period:   func(l *BudgetLine) *Period { return &l.Period },
}

var contractTable = &table[Contract]{
	file: "contracts.csv",
	columns: []column[Contract]{
		text("provider", isPart, func(k *Contract) *string { return &k.Provider }),
		text("book", isBook, func(k *Contract) *string { return &k.Book }),
		text("merchant", isText, func(k *Contract) *string { return &k.Merchant }),
		text("settlement", oneOf(string(booking.Gross), string(booking.Net)), func(k *Contract) *booking.Terms { return &k.Settlement }),
		count("due_business_days", func(k *Contract) *int { return &k.DueBusinessDays }),
	},
	identity: []string{"provider", "book"},
}

var collectionTable = &table[CollectionAccount]{
	file: "collection_accounts.csv",
	columns: []column[CollectionAccount]{
		text("account", isPart, func(a *CollectionAccount) *string { return &a.Account }),
		text("bank", isText, func(a *CollectionAccount) *string { return &a.Bank }),
		text("currency", oneOf(money.VND), func(a *CollectionAccount) *string { return &a.Currency }),
	},
	identity: []string{"account"},
}

// identities are the columns that tell the rows of each table apart, beside their days.
var identities = map[string][]string{
	bookTable.file:       bookTable.identity,
	bodyTable.file:       bodyTable.identity,
	accountTable.file:    accountTable.identity,
	procedureTable.file:  procedureTable.identity,
	chargeTable.file:     chargeTable.identity,
	regimeTable.file:     regimeTable.identity,
	areaTable.file:       areaTable.identity,
	successionTable.file: successionTable.identity,
	chapterTable.file:    chapterTable.identity,
	subItemTable.file:    subItemTable.identity,
	budgetTable.file:     budgetTable.identity,
	contractTable.file:   contractTable.identity,
	collectionTable.file: collectionTable.identity,
}

// lasting are the tables without days whose rows have money booked under them: once published, none of them goes.
var lasting = []string{bookTable.file, contractTable.file, collectionTable.file}
