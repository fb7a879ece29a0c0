package seeder

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Candidate is a torrent that the automatic chooser may host.
type Candidate struct {
	InfoHash bt.InfoHash
	Size     bt.Bytes
	Price    uint64 // utok per GiB
	Seeders  uint64 // without this node
}

// Choose fills free bytes with the candidates that promise most per GiB stored: price ÷ (1 +
// seeders), hot and under-replicated first (PROTOCOLS §4). A candidate that does not fit is left
// out and smaller ones after it are tried. Candidates without a size or a price are never chosen.
// Ties are broken by the smaller size, then by the info-hash, so that the choice is repeatable.
func Choose(candidates []Candidate, free bt.Bytes) []Candidate {
	sorted := slices.Clone(candidates)
	slices.SortFunc(sorted, compareYield)
	var out []Candidate
	for _, c := range sorted {
		if c.Size > 0 && c.Price > 0 && c.Size <= free {
			out = append(out, c)
			free -= c.Size
		}
	}
	return out
}

// compareYield orders by falling a.Price/(1+a.Seeders), compared by cross-multiplication in 128
// bits: no rounding, no floats.
func compareYield(a, b Candidate) int {
	aHi, aLo := bits.Mul64(a.Price, inc(b.Seeders))
	bHi, bLo := bits.Mul64(b.Price, inc(a.Seeders))
	return cmp.Or(cmp.Compare(bHi, aHi), cmp.Compare(bLo, aLo), cmp.Compare(a.Size, b.Size),
		slices.Compare(a.InfoHash[:], b.InfoHash[:]))
}

func inc(n uint64) uint64 {
	if n == 1<<64-1 {
		return n
	}
	return n + 1
}
