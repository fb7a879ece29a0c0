package swarm

import "slices"

// part is one epoch's share of a span: weight in ms, or an amount.
type part struct {
	epoch  int64
	amount int64
}

// span is the time between two announces, in unix ms.
type span struct{ from, to int64 }

// weigh returns how many ms of s fall into each epoch. Time before the first listed epoch belongs
// to the first. With charges, time in a settled epoch goes to the next one that may be charged
// (else to the last that may, else to the last of all). A span without length weighs 1 where it
// lies. Never empty; without epochs all belongs to epoch 0.
func weigh(epochs []Epoch, s span, charges bool) []part {
	if len(epochs) == 0 {
		return []part{{0, 1}}
	}
	var out []part
	var carried int64
	for i, e := range epochs {
		w := overlap(epochs, i, s)
		if charges && !e.Charges {
			carried += w
			continue
		}
		if w += carried; w > 0 {
			out, carried = append(out, part{e.Number, w}), 0
		}
	}
	if carried > 0 {
		out = append(out, part{lastChargeable(epochs), carried})
	}
	return out
}

func lastChargeable(epochs []Epoch) int64 {
	for i := len(epochs) - 1; i >= 0; i-- {
		if epochs[i].Charges {
			return epochs[i].Number
		}
	}
	return epochs[len(epochs)-1].Number
}

// overlap is the ms of s inside epoch i, at least 1 for the epoch in which an empty span lies.
func overlap(epochs []Epoch, i int, s span) int64 {
	from, to := s.from, max(s.to, s.from+1)
	if i > 0 {
		from = max(from, epochs[i].StartMs)
	}
	if i+1 < len(epochs) {
		to = min(to, epochs[i+1].StartMs)
	}
	return max(0, to-from)
}

// split divides total in proportion to the weights so that the parts sum to it exactly: floors,
// then one each to the largest remainders, the earlier epoch first among equals.
func split(total int64, weights []part) []part {
	var sum int64
	for _, w := range weights {
		sum += w.amount
	}
	out := make([]part, len(weights))
	rems := make([]part, len(weights)) // epoch: index; amount: remainder
	rest := total
	for i, w := range weights {
		q, r := mulDivRem(total, w.amount, sum)
		out[i], rems[i] = part{w.epoch, q}, part{int64(i), r}
		rest -= q
	}
	slices.SortStableFunc(rems, func(a, b part) int { return int(min(1, max(-1, b.amount-a.amount))) })
	for i := range rest {
		out[rems[i].epoch].amount++
	}
	return out
}

// single returns the epoch that takes everything of s, in the common case that it lies within one
// that may be charged.
func single(epochs []Epoch, s span) (int64, bool) {
	if len(epochs) == 0 {
		return 0, true
	}
	last := epochs[len(epochs)-1]
	return last.Number, last.Charges && (len(epochs) == 1 || s.from >= last.StartMs)
}

// presence returns the part of s inside an epoch, cut off at its ends; of a span that lies outside,
// the nearest moment.
func presence(epochs []Epoch, number int64, s span) (from, to int64) {
	from, to = s.from, s.to
	for i, e := range epochs {
		if e.Number != number {
			continue
		}
		from, to = max(from, e.StartMs), max(to, e.StartMs)
		if i+1 < len(epochs) {
			from, to = min(from, epochs[i+1].StartMs), min(to, epochs[i+1].StartMs)
		}
	}
	return from, max(from, to)
}
