// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/openssl"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

const (
	sspFQDN    = "ssp.nhs.uk"
	serverFQDN = "provider.nhs.uk"
)

// A proxy is how a program is started with what Render gives for it.
type proxy struct {
	program        terminator.Program
	binary, debian string
	// around completes the configuration; dir is the program's to write to.
	around func(dir string, rendered []byte) string
	// check and run are the arguments after the binary, given the file.
	check, run func(dir, file string) []string
	// inherits: it is started with its listening socket, as by systemd's socket units.
	inherits bool
	// answers: the program answers a client that it refuses, in HTTP.
	answers bool
	// anyName: of several common names one is enough, as for X509_check_host.
	anyName bool
	// decode reads the certificate that is handed on; nil: none is.
	decode func(header string) ([]byte, error)
}

var proxies = []proxy{
	{
		program: terminator.Nginx, binary: "nginx", debian: "nginx", answers: true, decode: fromEscapedPEM,
		around: func(dir string, rendered []byte) string {
			return fmt.Sprintf("daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}\nhttp {\naccess_log off;\n"+
				"client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;\n%[2]s}\n", dir, rendered)
		},
		check: func(_, file string) []string { return []string{"-t", "-e", "stderr", "-c", file} },
		run:   func(_, file string) []string { return []string{"-e", "stderr", "-c", file} },
	},
	{
		program: terminator.HAProxy, binary: "haproxy", debian: "haproxy", answers: true,
		decode: base64.StdEncoding.DecodeString,
		around: func(_ string, rendered []byte) string { return string(rendered) },
		check:  func(_, file string) []string { return []string{"-c", "-f", file} },
		run:    func(_, file string) []string { return []string{"-db", "-f", file} },
	},
	{
		program: terminator.Apache, binary: "apache2", debian: "apache2", answers: true, decode: fromEscapedPEM,
		around: func(dir string, rendered []byte) string {
			var b strings.Builder
			for _, module := range []string{"mpm_event", "authz_core", "ssl", "headers", "proxy", "proxy_http"} {
				fmt.Fprintf(&b, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", module, module)
			}
			listen := strings.Fields(string(rendered[bytes.Index(rendered, []byte("<VirtualHost ")):]))[1]
			fmt.Fprintf(&b, "ServerName provider\nPidFile %[1]s/pid\nDefaultRuntimeDir %[1]s\nErrorLog /dev/stderr\nUser nobody\nGroup nogroup\nListen %[2]s\n%[3]s",
				dir, strings.TrimSuffix(listen, ">"), rendered)
			return b.String()
		},
		check: func(_, file string) []string { return []string{"-t", "-f", file} },
		run:   func(_, file string) []string { return []string{"-DFOREGROUND", "-f", file} },
	},
	{
		program: terminator.Stunnel, binary: "stunnel", debian: "stunnel4", anyName: true,
		around: func(dir string, rendered []byte) string {
			return fmt.Sprintf("foreground = yes\npid =\n%s", rendered)
		},
		run: func(_, file string) []string { return []string{file} },
	},
}

func fromEscapedPEM(header string) ([]byte, error) {
	text, err := url.QueryUnescape(strings.ReplaceAll(header, "+", "%2B"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, fmt.Errorf("no PEM in %q", text)
	}
	return block.Bytes, nil
}

func TestProxiesKeepToTheProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the proxies")
	}
	if err := openssl.Available(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	for _, p := range proxies {
		t.Run(string(p.program), func(t *testing.T) {
			testenv.Need(t, p.binary, p.debian)
			p.test(t)
		})
	}
}

func (p *proxy) test(t *testing.T) {
	pki := testpki.Spine()
	var handedOn string
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handedOn = r.Header.Get("Ssl-Client-Cert")
		_, _ = io.WriteString(w, "served")
	}))
	t.Cleanup(backend.Close)
	ssp := pki.Leaf(sspFQDN)
	revoked := pki.Revoke(pki.Leaf(sspFQDN))
	addr := p.start(t, pki, strings.TrimPrefix(backend.URL, "http://"))

	t.Run("each suite alone", func(t *testing.T) {
		for _, suite := range tlsconfig.Suites() {
			e := pki.Endpoint(ssp, serverFQDN)
			e.Suites = []tlsconfig.Suite{suite}
			d, err := openssl.NewDialer(e)
			require.NoError(t, err)
			status, err := get(t.Context(), func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", addr) })
			require.NoError(t, err, suite)
			assert.Equal(t, http.StatusOK, status, suite)
		}
	})
	if p.decode != nil {
		t.Run("it hands the certificate on, whatever the client says it is", func(t *testing.T) {
			der, err := p.decode(handedOn)
			require.NoError(t, err)
			assert.Equal(t, ssp.Leaf.Raw, der)
		})
	}
	t.Run("the guidance's order, not the client's", func(t *testing.T) {
		// crypto/tls offers AES128-GCM first.
		conn, err := tls.Dial("tcp", addr, client(&ssp, nil))
		require.NoError(t, err)
		defer conn.Close()
		assert.Equal(t, uint16(tlsconfig.ECDHE_RSA_AES256_GCM_SHA384), conn.ConnectionState().CipherSuite)
	})
	t.Run("nothing outside the profile", func(t *testing.T) {
		for name, change := range map[string]func(*tls.Config){
			"TLS 1.1": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 },
			"TLS 1.3": func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13 },
			"AES128-SHA": func(c *tls.Config) {
				c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
			},
			"ChaCha20": func(c *tls.Config) {
				c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
			},
		} {
			conn, err := tls.Dial("tcp", addr, client(&ssp, change))
			if err == nil {
				conn.Close()
			}
			assert.Error(t, err, name)
		}
	})
	other, sibling := pki.Leaf("not-the-ssp.nhs.uk"), pki.SiblingLeaf(sspFQDN)
	suffixed := pki.Leaf(sspFQDN + ".example.org")
	expired := pki.Leaf(sspFQDN, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	twoNames := pki.Leaf("", func(c *x509.Certificate) {
		oid := asn1.ObjectIdentifier{2, 5, 4, 3}
		c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oid, Value: "not-the-ssp.nhs.uk"}, {Type: oid, Value: sspFQDN}}
	})
	bad := map[string]*tls.Certificate{
		"none": nil, "revoked": &revoked, "another FQDN": &other, "an FQDN that begins with it": &suffixed,
		"another SubCA": &sibling, "expired": &expired, "two names": &twoNames,
	}
	if p.anyName {
		delete(bad, "two names")
	}
	for name, cert := range bad {
		t.Run(name, func(t *testing.T) {
			handedOn = "untouched"
			status, err := get(t.Context(), func(ctx context.Context) (net.Conn, error) {
				return (&tls.Dialer{Config: client(cert, nil)}).DialContext(ctx, "tcp", addr)
			})
			if err == nil {
				assert.True(t, p.answers && status >= 400 && status < 500, "status %d", status)
			}
			assert.Equal(t, "untouched", handedOn, "the backend was never asked")
		})
	}
}

// client is a raw client that accepts any server.
func client(cert *tls.Certificate, change func(*tls.Config)) *tls.Config {
	cfg := &tls.Config{
		InsecureSkipVerify: true, ServerName: serverFQDN, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return new(tls.Certificate), nil
			}
			return cert, nil
		},
	}
	if change != nil {
		change(cfg)
	}
	return cfg
}

// get makes one request.
func get(ctx context.Context, dial func(context.Context) (net.Conn, error)) (status int, err error) {
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+serverFQDN+"/", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Ssl-Client-Cert", "forged")
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// start runs the program until the test ends and returns where it listens.
func (p *proxy) start(t *testing.T, pki *testpki.PKI, backend string) (addr string) {
	return p.startWith(t, pki, func(params *terminator.Params) { params.Backend = backend })
}

// startWith is start with params that are changed.
func (p *proxy) startWith(t *testing.T, pki *testpki.PKI, change func(*terminator.Params)) (addr string) {
	t.Helper()
	return p.launch(t, pki, change).addr
}

// A running program.
type running struct {
	addr, config string
	process      *os.Process
	log          *testenv.Log
}

func (p *proxy) launch(t *testing.T, pki *testpki.PKI, change func(*terminator.Params)) *running {
	t.Helper()
	files := pki.Write(t, pki.Leaf(serverFQDN))
	dir := filepath.Dir(files.Cert)
	dhParams := filepath.Join(dir, "ffdhe2048.pem")
	require.NoError(t, os.WriteFile(dhParams, terminator.DHParams(), 0o600))
	addr := testenv.FreeAddress(t)
	params := terminator.Params{
		Listen:      addr,
		Certificate: files.Cert, Key: files.Key, CAs: files.CAs, CRLs: files.CRLs, DHParams: dhParams,
		Pins: pki.Pins(), FQDNs: []string{sspFQDN}, Secret: secret,
	}
	change(&params)
	addr = params.Listen
	rendered, err := terminator.Render(p.program, params)
	require.NoError(t, err)
	config := filepath.Join(dir, "config")
	require.NoError(t, os.WriteFile(config, []byte(p.around(dir, rendered)), 0o600))
	if p.check != nil {
		out, err := exec.CommandContext(t.Context(), p.binary, p.check(dir, config)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, p.binary, p.run(dir, config)...)
	if p.inherits {
		cmd = inheriting(t, ctx, addr, cmd.Args)
	}
	log := new(testenv.Log)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	for _, file := range cmd.ExtraFiles {
		require.NoError(t, file.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})
	// None of them tells when it is ready: it is when it accepts connections.
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return &running{addr, config, cmd.Process, log}
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended before it listened: %v", p.binary, err)
		case <-t.Context().Done():
			t.Fatal(errors.Join(err, t.Context().Err()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// inheriting returns a command that is started with the socket that listens at addr, by
// the protocol of sd_listen_fds(3).
func inheriting(t *testing.T, ctx context.Context, addr string, args []string) *exec.Cmd {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	file, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	cmd := exec.CommandContext(ctx, "sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, "sh"}, args...)...)
	cmd.ExtraFiles = []*os.File{file}
	return cmd
}
