//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/swarmstake/swarmstake/seeder"
)

// What another user wrote into a service's folder, its daemon could not read.
func TestAnotherUsersStateIsLeftAlone(t *testing.T) {
	state := t.TempDir()
	if err := owned(filepath.Join(state, "none")); err != nil {
		t.Errorf("a folder that is still to be made: %v", err)
	}
	if err := owned(state); err != nil {
		t.Errorf("our own folder: %v", err)
	}
	if err := os.Chown(state, 65534, -1); err != nil {
		t.Skipf("only root can give a folder away (%v); run the tests as root for the rest", err)
	}
	if err := edit(state, func(*seeder.Settings) error { t.Error("it was changed"); return nil }); err == nil || !strings.Contains(err.Error(), "sudo -u") {
		t.Errorf("another user's folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(state, "config.json")); !os.IsNotExist(err) {
		t.Errorf("config.json: %v", err)
	}
}
