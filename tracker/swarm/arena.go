package swarm

import (
	"sync"
	"unsafe"
)

// arena hands out zeroed memory for records, which hold no pointers and are never given back. It is
// kept from the garbage collector where the system allows: the collector would let it grow by half
// its size before it looked at it.
type arena struct {
	mu    sync.Mutex
	rest  []byte
	taken int // bytes of all blocks
}

// Blocks grow with what there is already: a small community takes little. (Asking for large pages
// made no difference that could be measured.)
const (
	minBlock   = 64 << 10
	maxBlock   = 32 << 20
	arenaAlign = 64
)

// take returns n zeroed bytes, aligned for any record.
func (a *arena) take(n int) []byte {
	n = (n + arenaAlign - 1) &^ (arenaAlign - 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.rest) < n {
		size := max(n, min(max(minBlock, a.taken), maxBlock))
		a.rest, a.taken = block(size), a.taken+size
	}
	out := a.rest[:n:n]
	a.rest = a.rest[n:]
	return out
}

// chunk returns a slice of zeroed records. T must hold no pointers.
func chunk[T any](a *arena, n int) []T {
	var t T
	b := a.take(n * int(unsafe.Sizeof(t)))
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}
