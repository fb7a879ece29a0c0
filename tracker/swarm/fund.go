package swarm

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// billPrice is the price of bytes that arrived before this announce: the quote that was in force;
// one that ran out two intervals ago bills at max(quote, current); never above what the member
// consents to (ECONOMY §4).
func (st *step) billPrice() tokens.Amount {
	d, current := st.d, st.in.Torrent.Price()
	price := d.quote
	if d.quoteMs == 0 {
		price = current
	} else if st.nowMs > d.quoteMs+(st.p.QuoteFreeze+2*st.p.LeecherInterval).Milliseconds() {
		price = max(price, current)
	}
	return min(price, st.maxPrice(price))
}

// maxPrice is what the member consents to pay per GiB: default 2·max(first quote, base).
func (st *step) maxPrice(ifNone tokens.Amount) tokens.Amount {
	if st.in.Member.MaxPrice > 0 {
		return st.in.Member.MaxPrice
	}
	first := st.d.first
	if first == 0 {
		first = ifNone
	}
	return 2 * max(first, st.p.BasePrice)
}

// quote freezes the current price if no quote stands, and reports whether the member consents.
// Above the maximum the quote is the maximum, and asked for again at the next announce.
func (st *step) quote() bool {
	d, current := st.d, st.in.Torrent.Price()
	if d.first == 0 {
		d.first = current
	}
	freeze := st.p.QuoteFreeze.Milliseconds()
	if d.quoteMs == 0 || st.nowMs >= d.quoteMs+freeze || st.nowMs < d.quoteMs { // or the clock went back
		d.quote, d.quoteMs = current, st.nowMs
	}
	limit := st.maxPrice(current)
	if d.quote > limit && current <= limit { // the member lowered the maximum meanwhile
		d.quote, d.quoteMs = current, st.nowMs
	}
	if d.quote <= limit {
		return true
	}
	d.quote, d.quoteMs = limit, st.nowMs-freeze
	return false
}

// fund decides whether the announce may have peers: the gate's word, the addresses that use the
// key, the price, then the reservation of the whole rest of the download. Refused clients are
// metered already.
func (st *step) fund() (warning string) {
	in, s := st.in, st.s
	refusal := in.Refuse
	if refusal == "" && st.addresses() > st.p.MaxAddresses {
		refusal = st.tooMany()
	}
	if refusal == "" {
		refusal = in.NoStake
	}
	s.set(stateRefused, refusal != "")
	s.set(stateFunded, false)
	if refusal == "" && in.Announce.Event != bt.Stopped && !s.isSeeding() {
		refusal, warning = st.pay()
	}
	st.res.Refusal = refusal
	return warning
}

// pay asks for the member's consent and funds. A partial seed that has no funds for the rest is
// told nothing and of nobody: it does not want the rest, but nobody can tell.
func (st *step) pay() (refusal bt.ClientError, warning string) {
	s := st.s
	if st.in.Free {
		s.set(stateFunded, true)
		return "", ""
	}
	if st.quote() {
		refusal, warning = st.reserve()
	} else {
		refusal = st.tooDear()
	}
	if refusal != "" && s.is(statePaused) {
		st.mute = true
		return "", ""
	}
	return refusal, warning
}

// addresses counts from how many addresses the member's clients announce the torrent now.
func (st *step) addresses() (n int) {
	if st.s.next == 0 && st.head == st.rec {
		return 1
	}
	var seen []netip.Addr
	for rec := st.head; rec != 0; {
		p := st.sh.peers.at(rec)
		if a := st.sh.address(rec, p); rec == st.rec || st.all.present(p, st.nowMs) && !slices.Contains(seen, a) {
			seen = append(seen, a)
		}
		rec = p.next
	}
	slices.SortFunc(seen, netip.Addr.Compare)
	return len(slices.Compact(seen))
}

// reserve asks for the price of what is still to come, as much of it as the member's budget for the
// torrent allows to be reserved at a time.
func (st *step) reserve() (refusal bt.ClientError, warning string) {
	d, wallet := st.d, st.in.Member.Wallet
	rest := Reservable(max(0, st.in.Torrent.Size-d.taken()), st.in.Budget)
	// ⌈p·X/2^30⌉, continuing the exact cost so far: rounding every part up would ask an announce in
	// the middle for one micro-token more than the first one reserved.
	want := surge.Due(surge.Bill(d.cost, int64(d.costRem), rest, d.quote)) - d.charged()
	free, ok := wallet.Replace(d.reserved, want)
	if !ok {
		return st.tooPoor(free, want, rest), ""
	}
	d.reserved = want
	st.s.set(stateFunded, true)
	st.low = free-want < tokens.Amount(mulDiv(int64(want), st.p.LowFundsPPM, ppm))
	return "", st.warn(max(0, free-want)) // funds may have shrunk below what they already reserve
}

// gib formats bytes for a text.
func gib(n bt.Bytes) string { return trim(float64(n)/float64(bt.GiB), 3) }

func (st *step) tooPoor(free, want tokens.Amount, rest bt.Bytes) bt.ClientError {
	return bt.ClientError(fmt.Sprintf("not enough funds for this download: you have %s %s free, %s needed for the %s GiB to go at %s %s/GiB: add funds at %s",
		show(free, false), st.p.Symbol, show(want, true), gib(rest), st.d.quote, st.p.Symbol, st.p.FundsURL))
}

// BudgetFloor is what two intervals can bring at the wanted rate (ECONOMY §4: 0.5 MiB/s): a smaller
// budget would get peers for next to nothing.
const BudgetFloor bt.Bytes = 300 << 20

// Reservable is how much of the rest of a download is reserved at a time, given the member's budget
// for the torrent; 0: none.
func Reservable(rest, budget bt.Bytes) bt.Bytes {
	if budget <= 0 {
		return rest
	}
	return min(rest, max(budget, BudgetFloor))
}

func (st *step) tooMany() bt.ClientError {
	return bt.ClientError(fmt.Sprintf("too many addresses use your key for this torrent (more than %d): if it leaked, reset your keys at %s", st.p.MaxAddresses, st.p.FundsURL))
}

func (st *step) tooDear() bt.ClientError {
	return bt.ClientError(fmt.Sprintf("the price is now %s %s/GiB, above your maximum of %s: wait until it falls, or raise your maximum at %s",
		st.in.Torrent.Price(), st.p.Symbol, st.maxPrice(0), st.p.FundsURL))
}

// warn says what the download costs when that is news: a price that surged or differs from the
// quote, or funds that run low (PROTOCOLS §1). Nothing in it is an error.
func (st *step) warn(left tokens.Amount) string {
	t := st.in.Torrent
	price, mult := t.Price(), t.MultiplierPPM()
	if mult == ppm && price == st.d.quote && !st.low {
		return "" // no news: the common case
	}
	var out []string
	if mult != ppm || price != st.d.quote {
		out = append(out, fmt.Sprintf("price now %s %s/GiB (x%s)", price, st.p.Symbol, trim(float64(mult)/ppm, 2)))
		if price != st.d.quote {
			out = append(out, fmt.Sprintf("yours stays %s until %s UTC", st.d.quote,
				time.UnixMilli(st.d.quoteMs).Add(st.p.QuoteFreeze).UTC().Format("15:04")))
		}
	}
	if st.low {
		out = append(out, fmt.Sprintf("this download is funded, %s %s are left beyond it", show(left, false), st.p.Symbol))
	}
	return strings.Join(out, "; ")
}

// show cuts an amount to hundredths for a text, rounding away from false hope: what is there
// down, what is needed up. Amounts below a hundredth are shown exactly.
func show(a tokens.Amount, up bool) string {
	const cent = tokens.Unit / 100
	if a < cent {
		return a.String()
	}
	if up {
		a += cent - 1
	}
	return (a - a%cent).String()
}

// trim formats a figure for a text; money never passes here.
func trim(f float64, decimals int) string {
	s := strconv.FormatFloat(f, 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}
