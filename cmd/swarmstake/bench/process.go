package bench

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used so far, and holds now.
type usage struct {
	user, system        time.Duration // of all threads, also of those that ended
	resident, anonymous int64         // bytes; resident counts mapped files too
}

func (u usage) cpu() time.Duration { return u.user + u.system }

// tick is the unit of /proc/PID/stat: user space sees 100 a second on every Linux (USER_HZ).
const tick = 10 * time.Millisecond

// process is a running server, seen through /proc.
type process struct {
	proc string // /proc, another folder in tests
	pid  int
}

func (p process) usage() (u usage, err error) {
	dir := filepath.Join(p.proc, strconv.Itoa(p.pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return u, fmt.Errorf("look at the server's process: %w", err)
	}
	// The second field is the name in brackets, which may contain anything; then come fields 3 on.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return u, errors.New("look at the server's process: unexpected form of its stat file")
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return u, fmt.Errorf("look at the server's process: %w", err)
	}
	u.user, u.system = time.Duration(user)*tick, time.Duration(system)*tick
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return u, fmt.Errorf("look at the server's process: %w", err)
	}
	u.resident, u.anonymous = kilobytes(status, "VmRSS:"), kilobytes(status, "RssAnon:")
	return u, nil
}

// kilobytes finds a line such as "VmRSS:   1234 kB" and returns bytes; 0 if there is none.
func kilobytes(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			if f := bytes.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(string(f[0]), 10, 64)
				return n << 10
			}
		}
	}
	return 0
}

// findServer returns the process that listens at an address of this machine.
func findServer(proc string, target netip.AddrPort) (int, error) {
	inodes := map[string]bool{}
	for _, name := range []string{"tcp", "tcp6"} {
		if err := listeners(filepath.Join(proc, "net", name), target, inodes); err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
	}
	if len(inodes) == 0 {
		return 0, fmt.Errorf("nobody listens at %s on this machine", target)
	}
	links, err := filepath.Glob(filepath.Join(proc, "[0-9]*", "fd", "*"))
	if err != nil {
		return 0, err
	}
	for _, link := range links {
		to, err := os.Readlink(link)
		if err != nil || !inodes[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] {
			continue
		}
		return strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(link))))
	}
	return 0, fmt.Errorf("the process that listens at %s belongs to another user", target)
}

// listeners collects the inodes of sockets that listen at the address, or at all addresses.
func listeners(file string, target netip.AddrPort, inodes map[string]bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	const listening = "0A"
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		at, ok := parseSocket(fields[1])
		if ok && at.Port() == target.Port() && (at.Addr().IsUnspecified() || at.Addr().Unmap() == target.Addr()) {
			inodes[fields[9]] = true
		}
	}
	return nil
}

// parseSocket reads "0100007F:1F90": 32-bit words in the byte order of the machine, which is little
// endian wherever this is likely to run, and the port.
func parseSocket(s string) (a netip.AddrPort, ok bool) {
	addr, port, _ := strings.Cut(s, ":")
	b, err := hex.DecodeString(addr)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if err != nil || err2 != nil || len(b)%4 != 0 {
		return a, false
	}
	for w := 0; w < len(b); w += 4 {
		b[w], b[w+1], b[w+2], b[w+3] = b[w+3], b[w+2], b[w+1], b[w]
	}
	ip, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(ip, uint16(n)), ok
}
