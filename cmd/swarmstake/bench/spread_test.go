package bench

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSpreadIsDistinctAndEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := spread{members: rapid.Uint64Range(1, 60).Draw(t, "members"), torrents: rapid.Uint64Range(1, 60).Draw(t, "torrents"),
			seed: rapid.Uint64().Draw(t, "seed")}
		s.count = rapid.Uint64Range(1, s.members*s.torrents).Draw(t, "count")
		perMember, perTorrent, seen := map[uint64]uint64{}, map[uint64]uint64{}, map[[2]uint64]bool{}
		for k := range s.count {
			m, tor := s.pair(k)
			if m >= s.members || tor >= s.torrents || seen[[2]uint64{m, tor}] {
				t.Fatalf("%+v: pair %d is (%d, %d): out of range or dealt before", s, k, m, tor)
			}
			seen[[2]uint64{m, tor}] = true
			perMember[m]++
			perTorrent[tor]++
		}
		for m := range s.members {
			if n := perMember[m]; n < s.count/s.members || n > (s.count+s.members-1)/s.members {
				t.Fatalf("%+v: member %d has %d pairs", s, m, n)
			}
		}
		for tor := range s.torrents {
			if n := perTorrent[tor]; n < s.count/s.torrents || n > (s.count+s.torrents-1)/s.torrents {
				t.Fatalf("%+v: torrent %d has %d pairs", s, tor, n)
			}
		}
	})
}

func TestSpreadDependsOnTheSeedAlone(t *testing.T) {
	a := spread{members: 1000, torrents: 300, count: 5000, seed: 1}
	b := a
	b.seed = 2
	same, inOrder := 0, 0
	for k := range a.count {
		m, tor := a.pair(k)
		if m2, tor2 := a.pair(k); m2 != m || tor2 != tor {
			t.Fatal("the same spread dealt another pair")
		}
		if m2, tor2 := b.pair(k); m2 == m && tor2 == tor {
			same++
		}
		if m == k%1000 {
			inOrder++
		}
	}
	if same > 50 || inOrder > 50 {
		t.Errorf("of 5000 pairs %d are in the same place under another seed, %d in the order of members", same, inOrder)
	}
}

func TestShuffleOfFewIsStillAPermutation(t *testing.T) {
	for n := uint64(1); n <= 70; n++ {
		seen := map[uint64]bool{}
		for k := range n {
			seen[shuffle(k, n, 42)] = true
		}
		if uint64(len(seen)) != n {
			t.Errorf("n = %d: %d values", n, len(seen))
		}
	}
}
