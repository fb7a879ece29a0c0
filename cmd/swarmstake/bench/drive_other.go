//go:build !linux

package bench

import (
	"context"
	"errors"
)

// run needs epoll: a load generator that costs as much as the server it drives measures itself.
func (d *drive) run(context.Context) (*tally, error) {
	return newTally(), errors.New("bench announce drives a server from Linux only")
}
