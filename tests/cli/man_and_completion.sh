# exit: 0
$QUERN --man | head -1 | cut -c1-10
$QUERN --man | grep -c '^\.SS quern'
$QUERN --completion bash | bash -n && echo bash
$QUERN --completion bash | grep -c -- '--min-cosine'
$QUERN --completion zsh | head -1
$QUERN --completion fish | grep -c 'subcommand -a'
