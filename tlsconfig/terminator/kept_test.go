// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/revocation"
	"github.com/nrlsecurity/nrlsecurity/revocation/revocationtest"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/front"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A kept program is one whose CRL file a Keeper renews while it runs.
type kept struct {
	proxy
	name    string
	reloads int  // how many are made under load
	leaf    bool // LeafCRLs: the root's own list has a distribution point
	hook    func(dir string, r *running) terminator.Hook
	// since returns what reports whether the program has read its files again since; nil:
	// it has when hook returns, or no matter.
	since func(r *running) func() bool
}

// reloads is how many of a program are made under load: more where CI is set, which may
// take the time for a loss that is rare.
func reloads() int {
	if os.Getenv("CI") == "" {
		return 15
	}
	return 50
}

// keptPrograms are the programs as operators run them, beside Debian's own
// configuration and more: with session caches that others have configured.
func keptPrograms() []kept {
	var all []kept
	for _, p := range proxies {
		k := kept{proxy: p, name: string(p.program), reloads: reloads()}
		around := p.around
		switch p.program {
		case terminator.Nginx:
			k.around = func(dir string, rendered []byte) string {
				return fmt.Sprintf("daemon off; worker_processes 2; worker_shutdown_timeout 30s; pid %[1]s/pid; error_log stderr notice; events {}\nhttp {\naccess_log off;\n"+
					"ssl_session_cache shared:stock:1m; ssl_session_timeout 5m; ssl_session_tickets on; ssl_prefer_server_ciphers on;\n"+
					"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, rendered)
			}
			k.hook = func(_ string, r *running) terminator.Hook {
				nginx := []string{"nginx", "-e", "stderr", "-c", r.config}
				return terminator.Command(append(nginx[:5:5], "-t"), append(nginx[:5:5], "-s", "reload"))
			}
			k.since = func(r *running) func() bool { // it makes one reload of several that it has not begun
				before := r.children()
				return func() bool { return anyNew(before, r.children()) }
			}
		case terminator.Apache:
			k.around = func(dir string, rendered []byte) string {
				return "LoadModule socache_shmcb_module /usr/lib/apache2/modules/mod_socache_shmcb.so\n" + around(dir, rendered) +
					"SSLSessionCache shmcb:" + dir + "/ssl_scache(512000)\nSSLSessionCacheTimeout 300\n"
			}
			k.hook = func(_ string, r *running) terminator.Hook {
				httpd := []string{"apache2", "-f", r.config}
				return terminator.Command(append(httpd[:3:3], "-t"), append(httpd[:3:3], "-k", "graceful"))
			}
			leaf := k
			leaf.name, leaf.leaf, leaf.reloads = "apache-leaf", true, 1
			all = append(all, leaf)
		case terminator.Stunnel:
			k.inherits = true
			k.hook = func(_ string, r *running) terminator.Hook {
				return func(context.Context, string) error { return r.process.Signal(syscall.SIGHUP) }
			}
			k.since = func(r *running) func() bool {
				const read = "Configuration successful"
				before := strings.Count(r.log.String(), read)
				return func() bool { return strings.Count(r.log.String(), read) > before }
			}
		case terminator.HAProxy:
			k.around = func(dir string, rendered []byte) string {
				return fmt.Sprintf("global\n    stats socket %s/stats mode 600 level admin\n%s", dir, rendered)
			}
			k.hook = func(dir string, _ *running) terminator.Hook {
				return terminator.StatsSocket(filepath.Join(dir, "stats"), nil, nil)
			}
			reloaded := k
			reloaded.name = "haproxy-reloaded"
			reloaded.around = around
			reloaded.run = func(_, file string) []string { return []string{"-W", "-db", "-f", file} }
			reloaded.hook = func(_ string, r *running) terminator.Hook {
				check := terminator.Command(nil, []string{"haproxy", "-c", "-f", r.config})
				return func(ctx context.Context, file string) error {
					if err := check(ctx, file); err != nil {
						return err
					}
					return reloadMaster(ctx, r)
				}
			}
			all = append(all, reloaded)
		}
		all = append(all, k)
	}
	return all
}

// reloadMaster has HAProxy's master reload, and waits until it has. A signal that comes
// while the master starts is lost, so it is sent again until the log tells of it.
func reloadMaster(ctx context.Context, r *running) error {
	said := func(what string) int { return strings.Count(r.log.String(), what) }
	reloads, loaded := said("Reloading HAProxy"), said("Loading success")
	for poll := 0; said("Loading success") == loaded; poll++ {
		if poll%20 == 0 && said("Reloading HAProxy") == reloads {
			if err := r.process.Signal(syscall.SIGUSR2); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// A peer that is revoked at the CA is refused by each program within the refresh and
// the reload, on new and on resumed connections, and by the front on those that it
// has; and no good peer loses a request over any number of reloads.
func TestRevokedPeerIsRefusedBehindAKeptFile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the proxies")
	}
	t.Parallel()
	for _, p := range keptPrograms() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			testenv.Need(t, p.binary, p.debian)
			testenv.Need(t, "openssl", "openssl")
			p.test(t)
		})
	}
}

func (p *kept) test(t *testing.T) {
	pki := testpki.Spine()
	authority := revocationtest.NewAuthority(pki.SubCA, testpki.Key("subca"))
	t.Cleanup(authority.Close)
	named := func(c *x509.Certificate) { c.CRLDistributionPoints = []string{authority.CRLURL(7)} }
	good, peer := pki.Leaf(sspFQDN, named), pki.Leaf(sspFQDN, named)

	log := new(testenv.Log)
	var ahead atomic.Int64 // by how much the clock of the CRLs is ahead
	crls := &revocation.CRLs{Fetcher: authority.Fetcher(), KeepDER: true, Refresh: time.Hour,
		Time: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	root := rootList()
	if p.leaf {
		root.Scope = &revocationtest.Scope{PointName: revocationtest.PointName{URLs: []string{rootURL}}, OnlyCACerts: true}
	}
	require.NoError(t, crls.Add(root.DER()))
	keeper := &terminator.Keeper{
		CRLs: crls, Pins: pki.Pins(), Program: p.program, LeafCRLs: p.leaf, Certificates: []*x509.Certificate{good.Leaf},
		Logger: slog.New(slog.NewTextHandler(log, nil)),
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		running.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	running.Go(func() { _ = crls.Run(ctx) })

	address, asked := p.backend(t, pki, crls)
	var hook terminator.Hook
	keeper.Reload = func(ctx context.Context, file string) error {
		if hook == nil {
			return nil // the program is started with the file
		}
		return hook(ctx, file)
	}
	r := p.launch(t, pki, func(params *terminator.Params) {
		params.Backend, params.LeafCRLs = address, p.leaf
		params.CRLs = filepath.Join(filepath.Dir(params.CRLs), "kept.pem")
		keeper.File = params.CRLs
		require.NoError(t, keeper.Once(ctx))
	})
	hook = p.hook(filepath.Dir(r.config), r)
	running.Go(func() { _ = keeper.Run(ctx) })

	require.Equal(t, http.StatusOK, p.fresh(t, r.addr, peersPath, peer))
	open := newSteady(r.addr, peer)
	defer open.close()
	require.Equal(t, http.StatusOK, open.get(t))
	session := p.session(t, pki, r.addr, peer)

	load := startLoad(t, r.addr, good)
	authority.Revoke(peer.Leaf, revocation.ReasonKeyCompromise, time.Time{})
	ahead.Store(int64(time.Hour)) // when the next look is due, which a query begins
	_, err := crls.Status(ctx, revocation.Query{Path: []*x509.Certificate{good.Leaf, pki.SubCA, pki.Root}, At: crls.Time()})
	require.NoError(t, err)
	revoked := time.Now()
	refused := func() bool { // by the program itself
		before := asked.Load()
		return p.fresh(t, r.addr, peersPath, peer) != http.StatusOK && asked.Load() == before
	}
	// nginx's old workers accept connections until the reload reaches them, too.
	served := revoked
	turn := time.NewTicker(pace)
	defer turn.Stop()
	for inARow := 0; inARow < 20 || !keeper.State().Complete; inARow++ {
		<-turn.C
		if !refused() {
			served, inARow = time.Now(), 0
		}
		require.Less(t, time.Since(revoked), time.Minute)
	}
	t.Logf("the last new connection is served %v after the refresh", served.Sub(revoked).Round(10*time.Millisecond))
	if session != "" {
		assert.NotContains(t, p.resume(t, pki, r.addr, peer, session), "200 OK")
	}
	if _, fronted := fronted[p.program]; fronted {
		for open.get(t) == http.StatusOK {
			<-turn.C
			require.Less(t, time.Since(revoked), time.Minute)
		}
		t.Logf("a connection that was open is refused, itself or anew, after %v; itself: %v", time.Since(revoked).Round(10*time.Millisecond), open.reused.Load())
	}

	began := time.Now()
	for range p.reloads {
		made := func() bool { return true }
		if p.since != nil {
			made = p.since(r)
		}
		require.NoError(t, hook(ctx, keeper.File))
		for deadline := time.Now().Add(time.Minute); !made(); {
			require.True(t, time.Now().Before(deadline), "it has not read its files again")
			<-turn.C
		}
		require.Equal(t, http.StatusOK, p.fresh(t, r.addr, "/", good))
	}
	took := time.Since(began)
	n, lost := load.stop()
	t.Logf("%d requests during %d reloads in %v, lost: %d", n, p.reloads, took.Round(time.Millisecond), len(lost))
	assert.Empty(t, lost)
	assert.True(t, refused())
	assert.True(t, keeper.State().Complete, "%v", keeper.State().Problems)
}

// children returns the ids of the program's processes, as Linux tells them.
func (r *running) children() []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", r.process.Pid))
	if err != nil {
		return []string{"unknown", fmt.Sprint(time.Now())} // always new
	}
	return strings.Fields(string(text))
}

func anyNew(before, now []string) bool {
	return slices.ContainsFunc(now, func(id string) bool { return !slices.Contains(before, id) })
}

// backend starts what is behind the program: a front that asks the same CRLs, or
// for stunnel, which hands nothing on, anything. It counts the requests for the path
// of peers that the program ought to refuse.
func (p *kept) backend(t *testing.T, pki *testpki.PKI, crls *revocation.CRLs) (address string, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	checker := &revocation.Checker{Sources: []revocation.Source{crls}, Time: crls.Time}
	if p.leaf {
		checker.Policy.Depth = revocation.EndEntity // the SubCA names no distribution point here
	}
	f := &front.Front{
		Form: fronted[p.program], Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Secret: secret,
		Verifier: tlsconfig.Verifier{
			Pins: pki.Pins(), FQDNs: []string{sspFQDN}, Revocation: checker,
		},
	}
	served := f.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := f.Peer(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	}))
	if p.program == terminator.Stunnel {
		served = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == peersPath {
			asked.Add(1)
		}
		served.ServeHTTP(w, r)
	}))
	server.Config.ConnContext = f.ConnContext
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), asked
}

const peersPath = "/peer"

// fresh makes a request on a connection of its own, and returns the status: 0 if the
// connection was refused.
func (p *kept) fresh(t *testing.T, addr, path string, cert tls.Certificate) (status int) {
	s := newSteady(addr, cert)
	s.transport.DisableKeepAlives, s.path = true, path
	return s.get(t)
}

// session has openssl make a session and returns the file with it, "" if the program
// gives out none.
func (p *kept) session(t *testing.T, pki *testpki.PKI, addr string, cert tls.Certificate) (file string) {
	file = filepath.Join(t.TempDir(), "session")
	require.Contains(t, p.shake(t, pki, addr, cert, "-sess_out", file), "200 OK")
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

func (p *kept) resume(t *testing.T, pki *testpki.PKI, addr string, cert tls.Certificate, session string) (out string) {
	return p.shake(t, pki, addr, cert, "-sess_in", session)
}

func (p *kept) shake(t *testing.T, pki *testpki.PKI, addr string, cert tls.Certificate, args ...string) (out string) {
	files := pki.Write(t, cert)
	cmd := exec.CommandContext(t.Context(), "openssl", append([]string{"s_client", "-connect", addr, "-tls1_2", "-cert", files.Cert, "-key", files.Key, "-ign_eof"}, args...)...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: " + serverFQDN + "\r\nConnection: close\r\n\r\n")
	b, _ := cmd.CombinedOutput()
	return string(b)
}
