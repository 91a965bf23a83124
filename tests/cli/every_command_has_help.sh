# exit: 0
for c in convert inspect run compare bench verify unpack passes ops; do
    $QUERN $c --help >help.txt || echo "$c: exit $?"
    for part in '^usage: quern' '^options' '^common options' '^examples'; do
        grep -q "$part" help.txt || echo "$c: no '$part'"
    done
done
