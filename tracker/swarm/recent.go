package swarm

import "github.com/swarmstake/swarmstake/tracker/bt"

// maxBuckets bounds the demand window's resolution.
const maxBuckets = 16

// recent sums billed bytes over the demand window in buckets of Params.SummaryBucket, in KiB
// rounded down: enough to weigh demand, a quarter of the memory.
type recent struct {
	newest int64 // number of the newest bucket
	kib    [maxBuckets]uint32
}

// add counts n bytes; the remainder below a KiB is not demand.
func (r *recent) add(p *Params, nowMs int64, n bt.Bytes) {
	r.turn(nowMs / p.SummaryBucket.Milliseconds())
	b := &r.kib[r.newest%maxBuckets]
	*b = uint32(min(int64(*b)+int64(n>>10), 1<<32-1))
}

// turn forgets the buckets that lie between the newest and at.
func (r *recent) turn(at int64) {
	if r.newest > at+1 { // the clock went back
		*r = recent{newest: at}
	}
	for i := max(r.newest+1, at-maxBuckets+1); i <= at; i++ {
		r.kib[i%maxBuckets] = 0
	}
	r.newest = max(r.newest, at)
}

func (r *recent) sum(p *Params, nowMs int64) (n bt.Bytes) {
	newest := nowMs / p.SummaryBucket.Milliseconds()
	oldest := newest - int64(p.DemandWindow/p.SummaryBucket) + 1
	for i := max(oldest, r.newest-maxBuckets+1); i <= min(newest, r.newest); i++ {
		n += bt.Bytes(r.kib[i%maxBuckets]) << 10
	}
	return n
}
