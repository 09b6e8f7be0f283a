// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/nrlsecurity/nrlsecurity/internal/testenv"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/internal/testpki"
	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

func params(pki *testpki.PKI) terminator.Params {
	return terminator.Params{
		Listen: "127.0.0.1:443", Backend: "127.0.0.1:8080",
		Certificate: "/etc/spine/cert.pem", Key: "/etc/spine/cert.pem.key",
		CAs: "/etc/spine/cas.pem", CRLs: "/etc/spine/crls.json", DHParams: "/etc/spine/ffdhe2048.pem",
		Pins: pki.Pins(), FQDNs: []string{"ssp.nhs.uk"}, Secret: secret,
	}
}

const secret = "00112233445566778899aabbccddeeff"

func TestWhatAProgramCouldReadDifferentlyIsRefused(t *testing.T) {
	pki := testpki.Spine()
	for name, change := range map[string]func(*terminator.Params){
		"no listener":               func(p *terminator.Params) { p.Listen = "" },
		"a listener without a port": func(p *terminator.Params) { p.Listen = "127.0.0.1" },
		"a listener by name":        func(p *terminator.Params) { p.Listen = "localhost:443" },
		"a backend with a path":     func(p *terminator.Params) { p.Backend = "127.0.0.1:80/x" },
		"a path with a space":       func(p *terminator.Params) { p.CAs = "/etc/my cas.pem" },
		"a path with a semicolon":   func(p *terminator.Params) { p.CRLs = "/etc/crls.pem;ssl_verify_client off" },
		"a path with a line break":  func(p *terminator.Params) { p.CRLs = "/etc/crls.pem\nverifyChain=no" },
		"a relative path":           func(p *terminator.Params) { p.Certificate, p.Key = "cert.pem", "cert.pem.key" },
		"a socket without a path":   func(p *terminator.Params) { p.Backend = "unix:" },
		"a relative socket":         func(p *terminator.Params) { p.Backend = "unix:run/x" },
		"a wildcard":                func(p *terminator.Params) { p.FQDNs = []string{"*.nhs.uk"} },
		"a pattern for a name":      func(p *terminator.Params) { p.FQDNs = []string{"ssp.nhs.uk|.*"} },
		"no pins":                   func(p *terminator.Params) { p.Pins = nil },
		"pins that pin nothing":     func(p *terminator.Params) { p.Pins = new(tlsconfig.Pins) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, program := range terminator.Programs() {
				p := params(pki)
				change(&p)
				_, err := terminator.Render(program, p)
				if program == terminator.Java {
					require.NoError(t, err, "it needs none of it")
					continue
				}
				require.Error(t, err, program)
			}
		})
	}
	t.Run("no clients, where nothing behind judges them", func(t *testing.T) {
		p := params(pki)
		p.FQDNs = nil
		for _, program := range terminator.Programs() {
			_, err := terminator.Render(program, p)
			assert.Equal(t, program == terminator.Stunnel, err != nil, program)
		}
	})
	t.Run("no secret, or one that is none", func(t *testing.T) {
		for _, secret := range []string{"", "short", strings.Repeat("a", 31), strings.Repeat("a", 32) + `"; x`} {
			p := params(pki)
			p.Secret = secret
			for _, program := range []terminator.Program{terminator.Nginx, terminator.HAProxy, terminator.Apache, terminator.Envoy} {
				_, err := terminator.Render(program, p)
				require.ErrorContains(t, err, "Secret", program)
			}
			p.Backend, p.Secret = "unix:/run/records/front.sock", ""
			_, err := terminator.Render(terminator.Nginx, p)
			require.NoError(t, err)
		}
	})
	t.Run("no CRLs, where they help", func(t *testing.T) {
		for _, program := range terminator.Programs() {
			p := params(pki)
			p.AllowNoCRLs, p.CRLs = true, ""
			text, err := terminator.Render(program, p)
			switch program {
			case terminator.Java:
			case terminator.Nginx, terminator.HAProxy:
				require.NoError(t, err)
				assert.NotRegexp(t, "crl-file|ssl_crl", string(text))
				assert.Contains(t, string(text), "NO CRLS")
				p.CRLs = "/etc/spine/crls.pem"
				_, err = terminator.Render(program, p)
				require.ErrorContains(t, err, "AllowNoCRLs")
			default:
				require.ErrorContains(t, err, "AllowNoCRLs", program)
			}
		}
	})
	t.Run("the leaf alone, where the program cannot", func(t *testing.T) {
		for _, program := range terminator.Programs() {
			p := params(pki)
			p.LeafCRLs = true
			text, err := terminator.Render(program, p)
			switch program {
			case terminator.Java:
			case terminator.Apache, terminator.Envoy:
				require.NoError(t, err)
				assert.Regexp(t, "SSLCARevocationCheck leaf|only_verify_leaf_cert_crl: true", string(text))
			default:
				require.ErrorContains(t, err, "leaves alone", program)
			}
		}
	})
	t.Run("a file that Envoy does not watch", func(t *testing.T) {
		p := params(pki)
		p.CRLs = "/etc/spine/crls.pem"
		_, err := terminator.Render(terminator.Envoy, p)
		require.ErrorContains(t, err, ".json")
	})
	t.Run("another program", func(t *testing.T) {
		_, err := terminator.Render("iis", params(pki))
		require.Error(t, err)
	})
	t.Run("a key where HAProxy does not look", func(t *testing.T) {
		p := params(pki)
		p.Key = "/etc/spine/key.pem"
		_, err := terminator.Render(terminator.HAProxy, p)
		require.ErrorContains(t, err, "cert.pem.key")
	})
}

func TestEveryProgramHasTheSuitesInTheirOrder(t *testing.T) {
	pki := testpki.Spine()
	for _, program := range terminator.Programs() {
		t.Run(string(program), func(t *testing.T) {
			text, err := terminator.Render(program, params(pki))
			require.NoError(t, err)
			var want, found []string
			for _, s := range tlsconfig.Suites() {
				switch program {
				case terminator.Java: // named for servers, and for clients below
					want = append(want, s.IANA())
				case terminator.Envoy: // BoringSSL would not start with the others
					if s.Native() {
						want = append(want, s.String())
					}
				default:
					want = append(want, s.String())
				}
			}
			if program == terminator.Java {
				want = append(want, want...)
			}
			found = regexp.MustCompile(`(?:EC)?DHE-RSA-[A-Z0-9-]+|TLS_(?:EC)?DHE_[A-Z0-9_]+`).FindAllString(string(text), -1)
			assert.Equal(t, want, found)
		})
	}
}

func TestEnvoysListenerIsWhatItShouldBe(t *testing.T) {
	pki := testpki.Spine()
	text, err := terminator.Render(terminator.Envoy, params(pki))
	require.NoError(t, err)
	var listener struct {
		Address struct {
			SocketAddress struct {
				Address   string
				PortValue int `yaml:"port_value"`
			} `yaml:"socket_address"`
		}
		FilterChains []struct {
			TransportSocket struct {
				TypedConfig struct {
					Require bool `yaml:"require_client_certificate"`
					Common  struct {
						Params struct {
							Minimum string   `yaml:"tls_minimum_protocol_version"`
							Maximum string   `yaml:"tls_maximum_protocol_version"`
							Suites  []string `yaml:"cipher_suites"`
						} `yaml:"tls_params"`
						Combined struct {
							Default struct {
								LeafOnly bool `yaml:"only_verify_leaf_cert_crl"`
								Names    []struct {
									Matcher struct{ Exact string }
								} `yaml:"match_typed_subject_alt_names"`
							} `yaml:"default_validation_context"`
							Secret struct {
								Name   string
								Config struct {
									Source struct{ Path string } `yaml:"path_config_source"`
								} `yaml:"sds_config"`
							} `yaml:"validation_context_sds_secret_config"`
						} `yaml:"combined_validation_context"`
					} `yaml:"common_tls_context"`
				} `yaml:"typed_config"`
			} `yaml:"transport_socket"`
		} `yaml:"filter_chains"`
	}
	require.NoError(t, yaml.Unmarshal(text, &listener))
	assert.Equal(t, "127.0.0.1", listener.Address.SocketAddress.Address)
	assert.Equal(t, 443, listener.Address.SocketAddress.PortValue)
	require.Len(t, listener.FilterChains, 1)
	tls := listener.FilterChains[0].TransportSocket.TypedConfig
	assert.True(t, tls.Require)
	assert.Equal(t, "TLSv1_2", tls.Common.Params.Minimum)
	assert.Equal(t, "TLSv1_2", tls.Common.Params.Maximum)
	assert.Equal(t, []string{"ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-SHA"}, tls.Common.Params.Suites)
	validation := tls.Common.Combined
	assert.Equal(t, "/etc/spine/crls.json", validation.Secret.Config.Source.Path)
	assert.Equal(t, "spine_crls", validation.Secret.Name)
	assert.False(t, validation.Default.LeafOnly)
	require.Len(t, validation.Default.Names, 1)
	assert.Equal(t, "ssp.nhs.uk", validation.Default.Names[0].Matcher.Exact)
}

func TestTheDHParametersAreFfdhe2048(t *testing.T) {
	testenv.Need(t, "openssl", "openssl")
	out, err := exec.CommandContext(t.Context(), "openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048").Output()
	require.NoError(t, err)
	want, _ := pem.Decode(out)
	got, rest := pem.Decode(terminator.DHParams())
	require.NotNil(t, want)
	require.NotNil(t, got)
	assert.Empty(t, rest)
	assert.Equal(t, want, got)
	terminator.DHParams()[0] = 0
	assert.NotZero(t, terminator.DHParams()[0], "each caller has a copy")
}

func TestJavaTakesTheProfile(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Java")
	}
	testenv.Need(t, "java", "default-jdk-headless")
	rendered, err := terminator.Render(terminator.Java, terminator.Params{})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "spine.args")
	require.NoError(t, os.WriteFile(file, rendered, 0o600))
	out, err := exec.CommandContext(t.Context(), "java", append([]string{"@" + file}, testenv.Java("testdata/Probe.java")...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	var suites []string
	for _, s := range tlsconfig.Suites() {
		suites = append(suites, s.IANA())
	}
	list := strings.Join(suites, ",")
	assert.Equal(t, "server TLSv1.2 "+list+" true\nclient TLSv1.2 "+list+" true\n", string(out))
}
