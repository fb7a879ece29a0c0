package availability

import (
	"cmp"
	"container/heap"
)

// alarm is when an entry of a Book is looked at next, in one of its agendas.
type alarm struct {
	atMs  int64
	entry *entry
	in    *agenda // nil: in none
	index int
}

// agenda is a heap of alarms: earliest first, then by claim.
type agenda []*alarm

func (g agenda) Len() int { return len(g) }

func (g agenda) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(g[i].atMs, g[j].atMs), cmp.Compare(g[i].entry.claim.ID, g[j].entry.claim.ID)) < 0
}

func (g agenda) Swap(i, j int) {
	g[i], g[j] = g[j], g[i]
	g[i].index, g[j].index = i, j
}

// Push is for package heap.
func (g *agenda) Push(x any) {
	a := x.(*alarm)
	a.index, a.in = len(*g), g
	*g = append(*g, a)
}

// Pop is for package heap.
func (g *agenda) Pop() any {
	last := len(*g) - 1
	a := (*g)[last]
	(*g)[last] = nil
	*g = (*g)[:last]
	a.in = nil
	return a
}

// set puts the alarm into g at the given time, out of where it was.
func (a *alarm) set(g *agenda, atMs int64) {
	if a.in == g && a.atMs == atMs {
		return
	}
	a.clear()
	a.atMs = atMs
	heap.Push(g, a)
}

// clear takes the alarm out of its agenda.
func (a *alarm) clear() {
	if a.in != nil {
		heap.Remove(a.in, a.index)
	}
}

// take removes and returns the entry whose time came first, nil if none came.
func (g *agenda) take(nowMs int64) *entry {
	if len(*g) == 0 || (*g)[0].atMs > nowMs {
		return nil
	}
	return heap.Pop(g).(*alarm).entry
}
