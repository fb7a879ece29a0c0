package engine

import (
	"sync"
	"time"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	meterEvery = time.Second
	// meterSamples make the window of the moving average, of meterEvery each.
	meterSamples = 5
)

type sample struct {
	at       time.Time
	up, down bt.Bytes // since the start
}

// meter is a moving average of two counters.
type meter struct {
	mu      sync.Mutex
	samples []sample // at most meterSamples+1, oldest first
}

func (m *meter) add(s sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.samples = append(m.samples, s); len(m.samples) > meterSamples+1 {
		m.samples = append(m.samples[:0], m.samples[1:]...)
	}
}

// rates are bytes per second over the window; 0 before there are two samples.
func (m *meter) rates() (up, down bt.Bytes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.samples) < 2 {
		return 0, 0
	}
	first, last := m.samples[0], m.samples[len(m.samples)-1]
	span := last.at.Sub(first.at)
	if span <= 0 {
		return 0, 0
	}
	per := func(n bt.Bytes) bt.Bytes { return bt.Bytes(float64(n) / span.Seconds()) }
	return per(last.up - first.up), per(last.down - first.down)
}

// runMeter samples the client's counters until the engine is closed.
func (e *Engine) runMeter() {
	tick := time.NewTicker(meterEvery)
	defer tick.Stop()
	for {
		s := e.client.ConnStats()
		e.meter.add(sample{at: time.Now(), up: bt.Bytes(s.BytesWrittenData.Int64()), down: bt.Bytes(s.BytesReadUsefulData.Int64())})
		select {
		case <-e.done:
			return
		case <-tick.C:
		}
	}
}
