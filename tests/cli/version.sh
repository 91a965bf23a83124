# exit: 0
$QUERN --version | grep -qE '^quern [0-9]+\.[0-9]+\.[0-9]+$' && echo version
$QUERN --help | sed -n 1,17p | grep -cE '^  (convert|inspect|run|compare|bench|verify|unpack|passes|ops) '
$QUERN help convert | head -1
