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
// one that ran out two intervals ago bills at max(quote, current). Beyond the quote, never above what
// the member consents to (ECONOMY §4); a maximum that was lowered since changes no quote.
func (st *step) billPrice() tokens.Amount {
	d, current := st.d, st.in.Torrent.Price()
	switch {
	case d.quoteMs == 0:
		return min(current, st.maxPrice(current))
	case st.nowMs > d.quoteMs+(st.p.QuoteFreeze+2*st.p.LeecherInterval).Milliseconds():
		return max(d.quote, min(current, st.maxPrice(d.quote)))
	}
	return d.quote
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
// Above the maximum the quote is the maximum, and asked for again at the next announce; but never
// less than what peers were given for before, which a member could else take from at any price.
func (st *step) quote() bool {
	d, current, agreed := st.d, st.in.Torrent.Price(), st.d.quote
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
	d.quote, d.quoteMs = max(limit, agreed), st.nowMs-freeze
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
	wants := in.Announce.Event != bt.Stopped && !s.isSeeding()
	guest := refusal == "" && in.NoStake != ""
	if guest {
		refusal = st.guest(wants && in.Allowance)
	}
	s.set(stateRefused, refusal != "")
	s.set(stateFunded, guest && refusal == "")
	if refusal == "" && !guest && wants {
		refusal, warning = st.pay()
	}
	st.res.Refusal = refusal
	return warning
}

// guest asks a member below the gate for allowance that covers the whole rest of the download. A
// budget does not help: a guest has no stake that what comes beyond it could be taken from.
func (st *step) guest(may bool) bt.ClientError {
	if !may || st.d == nil {
		return st.in.NoStake
	}
	rest := st.remaining()
	hold, free, ok := st.in.Member.Wallet.Reserve(st.d.held, rest, nil)
	st.d.held = hold
	if ok {
		return ""
	}
	if free.Free > 0 {
		return bt.ClientError(fmt.Sprintf("%s; your free allowance of %s GiB is too little for the %s GiB to go", st.in.NoStake, gib(free.Free), gib(rest)))
	}
	return st.in.NoStake
}

// rest is how much of what is still to come is to be reserved.
func (st *step) rest() bt.Bytes { return Reservable(st.remaining(), st.in.Budget) }

// remaining is what is still to come.
func (st *step) remaining() bt.Bytes { return max(0, st.in.Torrent.Size-st.d.taken()) }

// release gives back what the download holds.
func (st *step) release() {
	if st.d.held == (Hold{}) {
		return
	}
	st.in.Member.Wallet.release(st.d.held)
	st.d.held = Hold{}
}

// pay asks for the member's consent and funds. A partial seed that has no funds for the rest is
// told nothing and of nobody: it does not want the rest, but nobody can tell.
func (st *step) pay() (refusal bt.ClientError, warning string) {
	s := st.s
	switch {
	case st.in.Free:
		st.release()
		s.set(stateFunded, true)
		return "", ""
	case st.quote() || st.covered():
		refusal, warning = st.reserve()
	default:
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

// covered reports whether the allowance covers all that is still to come, whatever it would cost.
func (st *step) covered() bool {
	return st.in.Member.Wallet.covers(st.d.held.Free, st.rest())
}

// reserve asks for the allowance and the price of what is still to come, as much of it as the
// member's budget for the torrent allows to be reserved at a time.
func (st *step) reserve() (refusal bt.ClientError, warning string) {
	d, rest := st.d, st.rest()
	hold, free, ok := st.in.Member.Wallet.Reserve(d.held, rest, d.costOf)
	if !ok {
		paid := rest - min(rest, free.Free)
		return st.tooPoor(free.Tokens, d.costOf(paid), paid), ""
	}
	d.held = hold
	st.s.set(stateFunded, true)
	want := hold.Tokens
	st.low = free.Tokens-want < tokens.Amount(mulDiv(int64(want), st.p.LowFundsPPM, ppm))
	return "", st.warn(max(0, free.Tokens-want)) // funds may have shrunk below what they already reserve
}

// costOf is what bytes would cost at the quote: ⌈p·X/2^30⌉, continuing the exact cost so far:
// rounding every part up would ask an announce in the middle for one micro-token more than the
// first one reserved.
func (d *download) costOf(paid bt.Bytes) amount {
	return surge.Due(surge.Bill(d.cost, int64(d.costRem), paid, d.quote)) - d.charged()
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
