package web

import (
	"cmp"
	"fmt"
	"math/bits"
	"net/http"
	"slices"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// hostPay is what hosting a torrent brings one more host, and why.
type hostPay struct {
	Approved    bool
	Day         tokens.Amount // for a day of all of it, with full collateral and a score of 1
	Rate        tokens.Amount // of it, for a GiB and an hour
	Scarce      tokens.Amount // the same rate where fewer hosts are than wanted
	Capped      bool          // what one torrent may earn all its hosts is less
	Hosts       int           // clusters with a standing proof
	Why         string
	Collateral  tokens.Amount // full, for all of it
	FreeBytes   bt.Bytes      // that count without collateral
	UploaderPPM int64         // of what downloaders pay
	DayPaid     tokens.Amount // to uploaders, in the last day of settled epochs
	DayBytes    bt.Bytes      // that downloaders took in it
}

// hostPay looks a torrent up in the market for hosts. nil: the market does not know it yet, or cannot be
// read, which is logged: the page is of use without it.
func (s *site) hostPay(r *http.Request, t store.Torrent) *hostPay {
	economy, list, err := s.Seeding.Market(r.Context())
	if err != nil {
		s.complain(r, "cannot read the market for a torrent's page", "infohash", t.InfoHash.String(), "error", err)
		return nil
	}
	i, ok := slices.BinarySearchFunc(list, t.ID, func(m MarketTorrent, id bt.TorrentID) int { return cmp.Compare(m.ID, id) })
	if !ok {
		return nil
	}
	return newHostPay(economy, list[i], t)
}

// newHostPay reckons what one more host of all of a torrent would be paid: rate·min(1, R/n), and at most
// his part of what one torrent may earn (ECONOMY §6).
func newHostPay(e MarketEconomy, m MarketTorrent, t store.Torrent) *hostPay {
	n := int64(m.Hosts) + 1
	p := &hostPay{Approved: t.Approved, Hosts: m.Hosts, UploaderPPM: e.UploaderPPM, DayPaid: tokens.Amount(m.DayPaid), DayBytes: m.Day, FreeBytes: e.FreeBytes,
		Scarce: tokens.Amount(e.HostingRate), Rate: tokens.Amount(e.HostingRate), Collateral: surge.Need(tokens.Amount(e.CollateralGiB), t.Size), Why: whyRate(e.Replicas, m.Hosts)}
	if e.Replicas < n {
		p.Rate = tokens.Amount(mulDivMost(int64(e.HostingRate), e.Replicas, n))
	}
	most := tokens.Amount(mulDivMost(int64(e.TorrentCap), 24, n))
	p.Day = tokens.Amount(mulDivMost(int64(t.Size), mulDivMost(int64(p.Rate), 24, 1), int64(bt.GiB)))
	if p.Day > most {
		p.Day, p.Capped = most, true
	}
	return p
}

// whyRate says what the number of hosts means for one more.
func whyRate(replicas int64, hosts int) string {
	proved := fmt.Sprintf("%d hosts proved to have it", hosts)
	switch {
	case hosts == 0:
		proved = "Nobody proved to have it yet"
	case hosts == 1:
		proved = "1 host proved to have it"
	}
	if int64(hosts) < replicas {
		return fmt.Sprintf("%s, and up to %d count in full: one more is paid the whole rate.", proved, replicas)
	}
	return fmt.Sprintf("%s, which is enough: with one more, %d share the weight of %d.", proved, hosts+1, replicas)
}

// mulDivMost is tokens.MulDiv with at most MaxAmount as its result: these are estimates, and no page may
// fail for one.
func mulDivMost(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(max(a, 0)), uint64(max(b, 0)))
	if c <= 0 || hi >= uint64(c) {
		return int64(tokens.MaxAmount)
	}
	part, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(part, uint64(tokens.MaxAmount)))
}
