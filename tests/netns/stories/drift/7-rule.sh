nft add rule inet reconciler-t forward drop
