package swarm

import (
	"fmt"
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
	price := d.Quote
	if d.QuoteMs == 0 {
		price = current
	} else if st.nowMs > d.QuoteMs+(st.p.QuoteFreeze+2*st.p.LeecherInterval).Milliseconds() {
		price = max(price, current)
	}
	return min(price, st.maxPrice(price))
}

// maxPrice is what the member consents to pay per GiB: default 2·max(first quote, base).
func (st *step) maxPrice(ifNone tokens.Amount) tokens.Amount {
	if st.in.Member.MaxPrice > 0 {
		return st.in.Member.MaxPrice
	}
	first := st.d.FirstQuote
	if first == 0 {
		first = ifNone
	}
	return 2 * max(first, st.p.BasePrice)
}

// quote freezes the current price if no quote stands, and reports whether the member consents.
// Above the maximum the quote is the maximum, and asked for again at the next announce.
func (st *step) quote() bool {
	d, current := st.d, st.in.Torrent.Price()
	if d.FirstQuote == 0 {
		d.FirstQuote = current
	}
	freeze := st.p.QuoteFreeze.Milliseconds()
	if d.QuoteMs == 0 || st.nowMs >= d.QuoteMs+freeze {
		d.Quote, d.QuoteMs = current, st.nowMs
	}
	limit := st.maxPrice(current)
	if d.Quote > limit && current <= limit { // the member lowered the maximum meanwhile
		d.Quote, d.QuoteMs = current, st.nowMs
	}
	if d.Quote <= limit {
		return true
	}
	d.Quote, d.QuoteMs = limit, st.nowMs-freeze
	return false
}

// fund decides whether the announce may have peers: the gate's word, the price, then the
// reservation of the whole rest of the download. Refused clients are metered already.
func (st *step) fund() (refusal bt.ClientError, warning string) {
	in, s := st.in, st.s
	s.refused, s.funded = in.Refuse != "", false
	if in.Refuse != "" {
		return in.Refuse, ""
	}
	if in.Announce.Event == bt.Stopped || s.seeding() {
		return "", ""
	}
	if in.Free {
		s.funded = true
		return "", ""
	}
	if !st.quote() {
		return st.tooDear(), ""
	}
	return st.reserve()
}

func (st *step) reserve() (refusal bt.ClientError, warning string) {
	d := st.d
	rest := max(0, st.in.Torrent.Size-(d.Metered-d.PassMetered))
	// ⌈p·X/2^30⌉, continuing the exact cost so far: rounding every part up would ask an announce in
	// the middle for one micro-token more than the first one reserved.
	want := surge.Due(surge.Bill(d.Cost, d.CostRem, rest, d.Quote)) - d.Charged
	free, ok := d.wallet.Replace(d.Reserved, want)
	if !ok {
		return st.tooPoor(free, want, rest), ""
	}
	d.Reserved = want
	st.s.funded = true
	st.low = free-want < tokens.Amount(mulDiv(int64(want), st.p.LowFundsPPM, ppm))
	return "", st.warn(free - want)
}

// gib formats bytes for a text.
func gib(n bt.Bytes) string { return trim(float64(n)/float64(bt.GiB), 3) }

func (st *step) tooPoor(free, want tokens.Amount, rest bt.Bytes) bt.ClientError {
	return bt.ClientError(fmt.Sprintf("not enough funds for this download: you have %s %s free, %s needed for the %s GiB to go at %s %s/GiB: add funds at %s",
		show(free, false), st.p.Symbol, show(want, true), gib(rest), st.d.Quote, st.p.Symbol, st.p.FundsURL))
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
	var out []string
	if mult != ppm || price != st.d.Quote {
		out = append(out, fmt.Sprintf("price now %s %s/GiB (x%s)", price, st.p.Symbol, trim(float64(mult)/ppm, 2)))
		if price != st.d.Quote {
			out = append(out, fmt.Sprintf("yours stays %s until %s UTC", st.d.Quote,
				time.UnixMilli(st.d.QuoteMs).Add(st.p.QuoteFreeze).UTC().Format("15:04")))
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
