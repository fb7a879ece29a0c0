package choose

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/tokens"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

// words says for people why a choice was made.
func (p *planner) words(i *item, c Choice) string {
	expected := p.expected(i, c)
	switch c.Why {
	case Pinned:
		return "You pinned it. " + expected + p.fetch(i, c)
	case Interested:
		return p.wish(i) + " " + expected + p.fetch(i, c)
	case Earning:
		return expected + p.fetch(i, c)
	case Rising:
		return rises(i) + " " + expected + p.fetch(i, c)
	case Holding:
		return fmt.Sprintf("Chosen lately, kept at least until %s. %s", i.held.Since.Add(p.Options.MinHold).UTC().Format("2006-01-02 15:04 MST"), expected)
	case Steady:
		return "Nothing else promises enough more. " + expected
	}
	return p.against(i, c) + " " + expected
}

// against says why a torrent is not hosted.
func (p *planner) against(i *item, c Choice) string {
	switch c.Why {
	case Outranked:
		if i.by != nil {
			return fmt.Sprintf("It gives way to %q.", i.by.Name)
		}
		return "What is hosted promises as much for its room."
	case NoRoom:
		if i.held != nil {
			return "The room that is offered has become too small for it."
		}
		return fmt.Sprintf("It needs %s, and %s can be made free of the %s offered.", bytesText(i.Size), bytesText(p.free(i)), bytesText(p.Quota))
	case NoFunds:
		return p.tooDear(i, c)
	case NotApproved:
		return "No moderator approved it, so that hosting it pays nothing."
	case Later:
		return fmt.Sprintf("The next plan may add it: one adds at most %d.", p.Options.MaxChanges)
	}
	return "It is neither pinned nor of interest any more."
}

// free returns the room that there could be for an item.
func (p *planner) free(i *item) bt.Bytes {
	room := p.Quota - p.used
	for _, v := range p.items {
		if v.movable() && (i.class == byHand || v.class > i.class && !p.holding(v)) {
			room += v.Size
		}
	}
	return room
}

func (p *planner) tooDear(i *item, c Choice) string {
	price := "To fetch it costs " + p.amount(c.Cost)
	switch {
	case p.affordable(c.Cost):
		return fmt.Sprintf("%s, and in %s it would bring %s.", price, spanText(p.Options.Horizon), p.amount(max(0, i.gain+caution*i.cost)))
	case !p.MayPay:
		return price + ", which this account may not spend on downloads yet: stake up to the gate, or wait for free allowance."
	}
	return fmt.Sprintf("%s, and %s may be spent now.", price, p.amount(p.spend))
}

// expected says what a torrent brings, as "Expected 0.42 VIDYA a day: 0.3 for being one of 3 hosts,
// 0.12 for serving."
func (p *planner) expected(i *item, c Choice) string {
	hosts := fmt.Sprintf("for being one of %d hosts", count(i.Hosts)+1)
	if i.Hosts <= 0 {
		hosts = "for being its only host"
	}
	switch total := p.amount(c.PerDay()); {
	case c.PerDay() == 0:
		return "Expected to earn nothing."
	case c.Upload == 0:
		return fmt.Sprintf("Expected %s a day %s.", total, hosts)
	case c.Hosting == 0:
		return fmt.Sprintf("Expected %s a day for serving.", total)
	default:
		return fmt.Sprintf("Expected %s a day: %s %s, %s for serving.", total, short(c.Hosting), hosts, short(c.Upload))
	}
}

// fetch says what it takes to get a torrent that is added.
func (p *planner) fetch(i *item, c Choice) string {
	switch {
	case !i.added:
		return ""
	case c.Cost > 0:
		return " Fetching it costs " + p.amount(c.Cost) + "."
	case c.Free > 0:
		return " Fetching it takes " + bytesText(c.Free) + " of the free allowance."
	}
	return " Fetching it is free."
}

// wish names the interest that a torrent matches.
func (p *planner) wish(i *item) string {
	w := p.interested(&i.Torrent)
	return fmt.Sprintf("You chose the %s %q.", w.Kind, w.Value)
}

// rises says why a torrent is expected to be wanted.
func rises(i *item) string {
	switch {
	case grows(&i.Torrent):
		return "More of it is downloaded than a day before."
	case i.Saturation >= ppm:
		return "Its seeders cannot keep up."
	}
	return fmt.Sprintf("It is new, and downloaded by %d now.", i.Leechers)
}

func (p *planner) amount(a tokens.Amount) string {
	if p.Economy.Symbol == "" {
		return short(a) + " tokens"
	}
	return short(a) + " " + p.Economy.Symbol
}

// short shows an amount with three digits, or all before the point: forecasts are no more exact.
func short(a tokens.Amount) string {
	unit := tokens.Amount(1)
	for unit < tokens.Unit && a >= 1000*unit {
		unit *= 10
	}
	return ((a + unit/2) / unit * unit).String()
}

// bytesText shows a size as 1.5 GiB.
func bytesText(b bt.Bytes) string {
	v, unit := float64(max(0, b)), 0
	for v >= 1000 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	return strconv.FormatFloat(v, 'g', 3, 64) + " " + units[unit]
}

var units = [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}

func spanText(d time.Duration) string {
	if d >= 2*day {
		return fmt.Sprintf("%d days", d/day)
	}
	return strings.TrimSuffix(strings.TrimSuffix(d.Round(time.Minute).String(), "0s"), "0m")
}
