nft add rule inet reconciler forward drop
