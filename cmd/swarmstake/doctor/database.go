package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/swarmstake/swarmstake/cmd/swarmstake/server"
	"github.com/swarmstake/swarmstake/store"
)

// clockSlack is by how much a clock may be behind what the database recorded last.
const clockSlack = time.Minute

const restoreDo = "Stop the server, keep a copy of the data folder, and see 'When the ledger does not verify' in docs/OPERATIONS.md"

func (d *examiner) checkDatabase(ctx context.Context) {
	x, err := store.Examine(ctx, d.conf.Data, d.full, nil)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.warn("database", "there is none yet", "Start 'swarmstake serve': its first start makes it")
		return
	case err != nil:
		d.bad("database", err.Error(), "Run the doctor as the user that runs the server")
		return
	case len(x.Damages) > 0:
		d.bad("database", "it is damaged: "+some(x.Damages), restoreDo)
		return
	case x.Version != nil:
		d.checkVersion(x.Version)
		return
	}
	d.good("database", "its structure is sound")
	if len(x.Ledger) > 0 {
		d.bad("ledger", some(x.Ledger), restoreDo)
	} else if d.full {
		d.good("ledger", "all %d transfers fit the chain and the balances", x.Transfer)
	} else {
		d.good("ledger", "its head fits transfer %d, and every asset's balances sum to 0; --full looks at every row", x.Transfer)
	}
	d.keys = x.Keys
	d.checkClock(x.AliveMs)
	d.checkMark(x.Flush)
	d.checkOperators(x.Operators)
}

// checkVersion: between the installation of another version and its first start the difference is no fault.
func (d *examiner) checkVersion(err error) {
	if d.running {
		d.bad("database", err.Error(), "Run the doctor of the version that runs")
		return
	}
	d.warn("database", err.Error(), "Make a backup before the first start of another version")
}

func (d *examiner) checkClock(aliveMs int64) {
	if behind := time.Until(time.UnixMilli(aliveMs)); aliveMs > 0 && behind > clockSlack {
		d.bad("clock", fmt.Sprintf("this machine's clock is %s behind the last time that the server recorded: epochs and locks stand still until then", behind.Round(time.Second)),
			"Set the clock by NTP ('timedatectl set-ntp true')")
		return
	}
	d.good("clock", "not behind what the server recorded last")
}

// checkMark compares the journal with the database; a running server has done so, or is doing so.
func (d *examiner) checkMark(flush int64) {
	if d.running || d.starting {
		return
	}
	if err := server.CheckJournal(d.conf.Data, flush); err != nil {
		d.bad("journal", err.Error(), "Restore backups with 'swarmstake backup restore', which sets the journal aside")
		return
	}
	d.good("journal", "it goes with the database")
}

func (d *examiner) checkOperators(list []store.OperatorFactor) {
	var bare []string
	for _, o := range list {
		if !o.Factor {
			bare = append(bare, o.Name)
		}
	}
	switch {
	case len(list) == 0:
		d.warn("operators", "there is none", "Open the one-use link that 'swarmstake serve' prints at its start")
		return
	case len(bare) > 0:
		d.bad("operators", "whoever finds their password is an operator: "+some(bare), "Have them add an authenticator or a passkey at /account")
	case len(list) == 1:
		d.warn("operators", "there is only "+list[0].Name+": large corrections need a second, and so does a lost passkey", "Make a trusted member an operator")
		return
	default:
		d.good("operators", "%d, all with a second factor", len(list))
	}
}

// checkServer asks the running server, and finds out whether one runs that does not answer.
func (d *examiner) checkServer(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	ready, err := server.AskReadiness(ctx, d.conf.Data)
	switch {
	case errors.Is(err, server.ErrNoServer):
		d.checkLock()
		return
	case err != nil:
		d.bad("server", "it does not answer on its socket: "+err.Error(), "Look into its log; if it hangs, stop it and start it again")
		return
	}
	d.running = true
	for _, c := range ready.Failed() {
		d.bad("server", c.Name+": "+c.Text, "See 'When something is wrong' in docs/OPERATIONS.md")
	}
	if ready.Ready {
		d.good("server", "it runs and is ready")
	}
}

func (d *examiner) checkLock() {
	if locked, err := heldLock(d.conf.Data); err != nil {
		d.bad("server", err.Error(), "Run the doctor as the user that runs the server")
		return
	} else if locked {
		d.starting = true
		d.warn("server", "a process uses the data folder and does not answer yet", "Wait until it has started; if it never does, look into its log")
		return
	}
	d.warn("server", "none runs in this data folder", "Start it: systemctl start swarmstake, or swarmstake serve")
}
