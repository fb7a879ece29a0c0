package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// summary is what --json writes; every amount is a sum of ledger lines.
type summary struct {
	Downloads []download `json:"downloads"`
	Refused   []refusal  `json:"refused"`
	Price     struct {
		Start int64 `json:"start"`
		Peak  int64 `json:"peak"`
		End   int64 `json:"end"`
	} `json:"price_utok_per_gib"`
	Earned struct {
		Upload  int64 `json:"upload"`
		Hosting int64 `json:"hosting"`
	} `json:"earned_utok"`
	Held    int64            `json:"held_utok"`
	Slashed int64            `json:"slashed_utok"`
	Audits  map[string]int64 `json:"audits"`
	Ledger  struct {
		Transfers int64  `json:"transfers"`
		Imbalance int64  `json:"imbalance_utok"`
		Chain     string `json:"chain"`
	} `json:"ledger"`

	store   *store.Store
	dataDir string
	charged tokens.Amount
	lines   []store.Total
	names   map[tokens.Account]string
	fault   string
}

type download struct {
	Client   string `json:"client"`
	Bytes    int64  `json:"bytes"`
	SHA256OK bool   `json:"sha256_ok"`
	Billed   int64  `json:"billed_utok"`
	Price    int64  `json:"price_utok_per_gib"` // the average that the download paid

	member bt.MemberID
	name   string
}

type refusal struct {
	Reason string `json:"reason"`
}

// collect reads every figure from the store.
func (sum *summary) collect(ctx context.Context, s *story) error {
	for i := range sum.Downloads {
		d := &sum.Downloads[i]
		row, err := sum.store.Download(ctx, d.member, s.torrent)
		if err != nil {
			return fmt.Errorf("%s's download: %w", d.name, err)
		}
		d.Bytes, d.Billed = int64(row.Billed), int64(row.Charged)
		if row.Billed > 0 {
			d.Price = tokens.MulDiv(d.Billed, int64(bt.GiB), int64(row.Billed))
		}
	}
	peak, err := s.peak(ctx)
	if err != nil {
		return err
	}
	sum.Price.Peak, sum.Price.End = peak, int64(s.price(ctx))
	if err := sum.sums(ctx); err != nil {
		return err
	}
	counts, err := sum.store.AuditCounts(ctx, 0)
	if err != nil {
		return err
	}
	sum.Audits = map[string]int64{}
	for _, v := range []string{"passed", "corrupt", "missing", "offline", "inconclusive"} {
		sum.Audits[v] = counts[v]
	}
	return sum.verify(ctx)
}

// sums adds up the ledger's lines by reason; they are printed beside the figures.
func (sum *summary) sums(ctx context.Context) (err error) {
	sum.lines, err = sum.store.Totals(ctx, tokens.CodeCharge, tokens.CodeUpload, tokens.CodeLockers, tokens.CodeTreasury, tokens.CodeSuspend,
		tokens.CodeUnclaimed, tokens.CodeHosting, tokens.CodeRetain, tokens.CodeSlash)
	if err != nil {
		return err
	}
	sum.charged = tokens.Amount(sum.total(tokens.CodeCharge))
	sum.Earned.Upload = sum.total(tokens.CodeUpload)
	sum.Earned.Hosting = sum.total(tokens.CodeHosting, tokens.CodeRetain)
	sum.Slashed = sum.total(tokens.CodeSlash)
	held, err := sum.store.Held(ctx)
	sum.Held = int64(held)
	return err
}

func (sum *summary) total(codes ...tokens.Code) int64 {
	var a tokens.Amount
	for _, l := range sum.lines {
		if slices.Contains(codes, l.Code) {
			a += l.Sum
		}
	}
	return int64(a)
}

func (sum *summary) verify(ctx context.Context) error {
	v, err := store.Verify(ctx, sum.dataDir, nil)
	if err != nil {
		return err
	}
	sum.Ledger.Transfers, sum.Ledger.Imbalance, sum.Ledger.Chain = v.Transfers, int64(v.Imbalance[tokens.Token]), "ok"
	if !v.OK() {
		sum.Ledger.Chain, sum.fault = "broken", v.Faults[0]
	}
	return nil
}

// failures lists which of the demo's own checks did not hold.
func (sum *summary) failures() []error {
	var out []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Errorf(format, args...))
		}
	}
	var billed int64
	for _, d := range sum.Downloads {
		check(d.SHA256OK, "%s's file is not the archive", d.name)
		check(d.Bytes >= archiveSize && d.Bytes <= archiveSize*103/100+2*pieceLength, "%s was billed %d bytes for a file of %d", d.name, d.Bytes, archiveSize)
		billed += d.Billed
	}
	check(len(sum.Downloads) == allLeeches, "%d downloads instead of %d", len(sum.Downloads), allLeeches)
	check(int64(sum.charged) == billed, "the downloads were billed %d utok, the ledger charged %d", billed, sum.charged)
	check(len(sum.Refused) == 1, "nobody was refused")
	check(sum.Price.Peak > sum.Price.Start, "the price never rose above %d", sum.Price.Start)
	check(sum.Price.End < sum.Price.Peak, "the price did not fall again from %d", sum.Price.Peak)
	check(sum.Earned.Upload > 0, "uploaders earned nothing")
	check(sum.Earned.Hosting > 0, "hosts earned nothing")
	check(sum.Slashed > 0, "nobody was slashed")
	check(sum.Audits["corrupt"] >= 2, "the overwritten data was found %d times instead of twice", sum.Audits["corrupt"])
	check(sum.Ledger.Imbalance == 0 && sum.Ledger.Chain == "ok", "the ledger is not sound: %s", sum.fault)
	return out
}

func (sum *summary) writeJSON(path string) error {
	b, err := json.MarshalIndent(sum, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func (sum *summary) print(w io.Writer) {
	fmt.Fprintf(w, "\nDownloads                bytes   paid (VIDYA)  per GiB  file\n")
	for _, d := range sum.Downloads {
		ok := "verified"
		if !d.SHA256OK {
			ok = "WRONG"
		}
		fmt.Fprintf(w, "  %-4s %-10s %12d  %13s  %7s  %s\n", d.name, d.Client, d.Bytes, tokens.Amount(d.Billed), tokens.Amount(d.Price/10_000*10_000), ok)
	}
	sum.printLines(w)
	fmt.Fprintf(w, "\nPrice per GiB: %s at the start, %s at the peak, %s now\n", tokens.Amount(sum.Price.Start), tokens.Amount(sum.Price.Peak), tokens.Amount(sum.Price.End))
	fmt.Fprintf(w, "Audits: %d passed, %d corrupt, %d missing, %d offline, %d inconclusive\n", sum.Audits["passed"], sum.Audits["corrupt"],
		sum.Audits["missing"], sum.Audits["offline"], sum.Audits["inconclusive"])
	fmt.Fprintf(w, "Ledger: %d transfers, imbalance %d, chain %s\n", sum.Ledger.Transfers, sum.Ledger.Imbalance, sum.Ledger.Chain)
}

// printLines lists the ledger lines behind the figures, those between the same accounts together.
func (sum *summary) printLines(w io.Writer) {
	for _, g := range []struct {
		title string
		codes []tokens.Code
	}{
		{"charged for downloads", []tokens.Code{tokens.CodeCharge}},
		{"earned by uploading", []tokens.Code{tokens.CodeUpload}},
		{"kept for lockers, treasury and what nobody may claim yet", []tokens.Code{tokens.CodeLockers, tokens.CodeTreasury, tokens.CodeSuspend}},
		{"earned by hosting (retain: held as collateral)", []tokens.Code{tokens.CodeHosting, tokens.CodeRetain}},
		{"slashed, in dispute for the appeal window", []tokens.Code{tokens.CodeSlash}},
	} {
		fmt.Fprintf(w, "\n%-58s %12s VIDYA\n", g.title, tokens.Amount(sum.total(g.codes...)))
		for _, l := range sum.merged(g.codes) {
			fmt.Fprintf(w, "  %-10s %-44s %12s  %d lines\n", l.Code, sum.name(l.From)+" > "+sum.name(l.To), l.Sum, l.Lines)
		}
	}
	fmt.Fprintf(w, "\nheld for members at the end: %s VIDYA\n", tokens.Amount(sum.Held))
}

// merged joins the lines of all epochs' pots.
func (sum *summary) merged(codes []tokens.Code) []store.Total {
	var out []store.Total
	at := map[string]int{}
	for _, l := range sum.lines {
		if !slices.Contains(codes, l.Code) {
			continue
		}
		key := string(l.Code) + sum.name(l.From) + ">" + sum.name(l.To)
		if i, ok := at[key]; ok {
			out[i].Lines, out[i].Sum = out[i].Lines+l.Lines, out[i].Sum+l.Sum
			continue
		}
		at[key] = len(out)
		out = append(out, l)
	}
	return out
}

// name says who owns an account.
func (sum *summary) name(a tokens.Account) string {
	if n, ok := sum.names[a]; ok {
		return n
	}
	if kind, _, ok := strings.Cut(string(a), "/"); ok && kind != "pool" {
		return kind
	}
	return string(a)
}
