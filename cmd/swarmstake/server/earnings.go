package server

import (
	"context"
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
	"github.com/swarmstake/swarmstake/web"
)

const (
	earningsLines    = 50   // transfers listed
	earningsTorrents = 2000 // those that earned most in a day
	wholePPM         = 1_000_000
)

// Earnings is what a node and its member earned in so many days, today among them: what the ledger has, and
// what is expected of epochs that are not settled.
func (s *Server) Earnings(ctx context.Context, n store.Node, days int) (out web.Earnings, err error) {
	now := s.now()
	list, err := s.earned.days(ctx, s.store, n, now, days)
	if err != nil {
		return out, err
	}
	for _, d := range list {
		out.Days = append(out.Days, web.EarningsDay{Date: d.Start.Format(time.DateOnly), Upload: web.Utok(d.Upload), Hosting: web.Utok(d.Hosting),
			Hot: web.Utok(d.Hot), Sponsors: web.Utok(d.Sponsors), Slashed: web.Utok(d.Slashed), Spent: web.Utok(d.Spent)})
	}
	today := out.Days[len(out.Days)-1]
	out.Today = today.Upload + today.Hosting + today.Hot + today.Sponsors
	if err := s.balances(ctx, n, &out); err != nil {
		return out, err
	}
	if out.Lines, err = s.earningsLines(ctx, n); err != nil {
		return out, err
	}
	x, err := s.explain(ctx, n)
	if err != nil {
		return out, err
	}
	if out.Torrents, err = x.torrents(ctx, s, now); err != nil {
		return out, err
	}
	out.Pending, err = x.pending(ctx, s)
	return out, err
}

// balances enters what there is now.
func (s *Server) balances(ctx context.Context, n store.Node, out *web.Earnings) error {
	w, err := s.store.Wallet(ctx, n.Member)
	if err != nil {
		return err
	}
	held, err := s.store.NodeHeld(ctx, n)
	if err != nil {
		return err
	}
	out.Available, out.Held, out.Allowance = web.Utok(w.Available), web.Utok(held), w.Allowance-w.Promised
	m, ok := s.roster.dir.Member(n.Member)
	out.MayPay = ok && m.GateOK
	return nil
}

// sharedCodes pay a member for all of his nodes and clients.
var sharedCodes = map[tokens.Code]bool{tokens.CodeUpload: true, tokens.CodeTrusted: true, tokens.CodeHot: true, tokens.CodeSponsor: true,
	tokens.CodeUnexplained: true, tokens.CodeProbation: true, tokens.CodeDistrusted: true, tokens.CodeCharge: true}

func (s *Server) earningsLines(ctx context.Context, n store.Node) ([]web.EarningsLine, error) {
	lines, err := s.store.NodeStatement(ctx, n, earningsLines)
	out := []web.EarningsLine{}
	for _, l := range lines {
		words := l.Code.Meaning()
		if sharedCodes[l.Code] {
			words += " It is your account's: all your nodes and clients share it."
		}
		out = append(out, web.EarningsLine{ID: l.ID, At: time.UnixMilli(l.AtMs).UTC(), Code: string(l.Code), Words: words, Amount: web.Utok(l.Amount)})
	}
	return out, err
}

// explained is what decides how much a node's work is paid.
type explained struct {
	node     store.NodeRow
	economy  web.MarketEconomy
	hosts    map[bt.TorrentID]int // clusters with a standing proof
	covered  int64                // ppm of full collateral
	counts   int64                // ppm of its bytes that count, with collateral and without
	distance int64                // km
}

func (s *Server) explain(ctx context.Context, n store.Node) (x explained, err error) {
	r := s.rules()
	o, err := s.lately(ctx)
	if err != nil {
		return x, err
	}
	x.economy, x.hosts = o.economy, o.hosts
	if x.node, err = s.store.NodeRow(ctx, r.Availability, n.ID); err != nil {
		return x, err
	}
	x.covered, x.counts, x.distance = wholePPM, wholePPM, r.Availability.GeoDistance
	if need := tokens.MulDivUp(int64(min(x.node.Claimed, bt.MaxCounter)), int64(r.Settle.CollateralPerGiB), int64(bt.GiB)); need > int64(x.node.Held) {
		x.covered = tokens.MulDiv(int64(x.node.Held), wholePPM, need)
		free := tokens.MulDiv(int64(min(r.Settle.FreeBytes, x.node.Claimed)), wholePPM, int64(x.node.Claimed))
		x.counts = min(wholePPM, x.covered+free)
	}
	return x, nil
}

// scarcity is min(1, R/n) in ppm (ECONOMY §6).
func (x explained) scarcity(t bt.TorrentID) int64 {
	return min(wholePPM, tokens.MulDiv(x.economy.Replicas, wholePPM, int64(max(1, x.hosts[t]))))
}

func (x explained) torrents(ctx context.Context, s *Server, now time.Time) ([]web.EarningsTorrent, error) {
	epochs, err := s.store.LastSettled(ctx, marketDay)
	if err != nil {
		return nil, err
	}
	var first, last int64
	if len(epochs) > 0 {
		first, last = epochs[len(epochs)-1].Number, epochs[0].Number
	}
	list, err := s.store.NodeHostingEarned(ctx, x.node.ID, first, last, earningsTorrents)
	if err != nil {
		return nil, err
	}
	uploads, err := s.store.UploadsByTorrent(ctx, x.node.Member, now.Add(-marketDay))
	out := []web.EarningsTorrent{}
	for _, h := range list {
		out = append(out, web.EarningsTorrent{InfoHash: h.Torrent.InfoHash.String(), Name: h.Torrent.Name, Bytes: h.Bytes, Epoch: web.Utok(h.Epoch),
			EpochHeld: web.Utok(h.EpochHeld), Day: web.Utok(h.Day), DayUpload: web.Utok(uploads[h.Torrent.ID]), Hosts: x.hosts[h.Torrent.ID],
			Scarcity: x.scarcity(h.Torrent.ID), Score: x.node.Standing.Audit.PPM(), Geo: h.GeoPPM, Collateral: x.covered, Why: x.why(h)})
	}
	return out, err
}

// why says in a sentence what decides the pay for hosting a torrent.
func (x explained) why(h store.HostingEarned) string {
	switch {
	case !h.Live:
		return "This node does not claim it any more."
	case !h.Approved:
		return "No moderator approved it yet, and hosting what is not approved earns nothing."
	case x.node.SuspendedMs > 0:
		return "This node is suspended: it earns nothing until it has passed enough audits."
	case !h.Proven:
		return "Its proof does not stand; it counts from the next audit that this node passes."
	}
	parts := []string{x.whyScarce(h.Torrent.ID), fmt.Sprintf("the audit score is %s", percent(x.node.Standing.Audit.PPM()))}
	switch {
	case x.covered >= wholePPM:
		parts = append(parts, "collateral covers all that this node claims")
	default:
		parts = append(parts, fmt.Sprintf("collateral covers %s of what this node claims, so %s of its bytes count and part of the pay is kept as collateral",
			percent(x.covered), percent(x.counts)))
	}
	if h.GeoPPM > wholePPM {
		parts = append(parts, fmt.Sprintf("it is more than %d km from other hosts, which adds %s", x.distance, percent(h.GeoPPM-wholePPM)))
	}
	return strings.Join(parts, "; ") + "."
}

func (x explained) whyScarce(t bt.TorrentID) string {
	n, most := x.hosts[t], x.economy.Replicas
	if n <= 1 {
		return "Nobody else proved to have it, so its work counts in full"
	} else if int64(n) <= most {
		return fmt.Sprintf("It has %d hosts, and up to %d count in full", n, most)
	}
	return fmt.Sprintf("It has %d hosts, who share the weight of %d", n, most)
}

// percent writes ppm as a percentage with at most one decimal.
func percent(ppm int64) string {
	text := fmt.Sprintf("%d.%d", ppm/10_000, ppm/1000%10)
	return strings.TrimSuffix(text, ".0") + " %"
}

// pending is what the proven work of epochs that are not settled would bring at what hosting pays now.
func (x explained) pending(ctx context.Context, s *Server) (sum web.Utok, err error) {
	work, err := s.store.NodePending(ctx, x.node.ID)
	if err != nil || x.node.SuspendedMs > 0 {
		return 0, err
	}
	for _, w := range work {
		seconds := int64(w.Proven / time.Second)
		pay := mulDivMost(mulDivMost(int64(w.Bytes), seconds, 3600), int64(x.economy.HostingRate), int64(bt.GiB))
		for _, ppm := range []int64{x.scarcity(w.Torrent), x.node.Standing.Audit.PPM(), x.counts} {
			pay = tokens.MulDiv(pay, ppm, wholePPM)
		}
		most := mulDivMost(int64(x.economy.TorrentCap), seconds, 3600) / int64(max(1, x.hosts[w.Torrent]))
		sum = min(sum+web.Utok(min(pay, most)), web.Utok(tokens.MaxAmount))
	}
	return sum, nil
}

// mulDivMost is tokens.MulDiv with at most MaxAmount as its result: an estimate may be wrong, and nothing may
// fail for it.
func mulDivMost(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return int64(tokens.MaxAmount)
	}
	part, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(part, uint64(tokens.MaxAmount)))
}
