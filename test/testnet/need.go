package testnet

// lacking says why the tests do not run in a namespace of their own.
var lacking = "a network namespace: call Isolated in TestMain"

// Need skips a test that runs outside a namespace, and says what it lacks.
func Need(t interface {
	Helper()
	Skipf(format string, args ...any)
}) {
	t.Helper()
	if lacking != "" {
		t.Skipf("lacks %s", lacking)
	}
}
