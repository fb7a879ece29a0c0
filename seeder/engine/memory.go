package engine

import (
	"os"
	"runtime/debug"
)

// thrift is how much garbage, in percent of what is alive, the collector lets pile up. What is alive is
// mostly the pieces of torrents, which hardly change: with Go's 100 a board with 2,000 torrents would
// need twice the memory for collecting a little less often.
const thrift = 20

// Thrift makes this process spend less memory and more time on collecting garbage, unless the
// environment (GOGC) says otherwise.
func Thrift() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(thrift)
	}
}

// Trim gives back what hashing and reading left behind. It takes some milliseconds for each 100 MB.
func Trim() { debug.FreeOSMemory() }
