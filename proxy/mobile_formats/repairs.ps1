#
# REVIEW EACH CHANGE BEFORE YOU APPLY IT. A proposal is a guess at what somebody meant to type. A wrong number gives
# that person's passcodes to a stranger: ask the person where you are not sure, and delete the three lines if in doubt.
# Gatepost itself writes nothing to the directory.
#
#   .\THIS-FILE.ps1                  says what it would change, and changes nothing
#   .\THIS-FILE.ps1 -Apply           changes the fields that still hold what is written here
#   .\THIS-FILE.ps1 -Apply -UndoFrom FILE.csv
#                                    takes back the changes in a file that -Apply wrote
#
# It uses your own rights in the directory. Test it with one person first.
#Requires -Version 5.1
#Requires -Modules ActiveDirectory
[CmdletBinding()]
param(
    [switch]$Apply,
    [string]$UndoFrom = '',
    [string]$UndoFile = ('mobiles-undo-{0:yyyyMMdd-HHmmss}.csv' -f (Get-Date))
)
Set-StrictMode -Version 1.0
$ErrorActionPreference = 'Stop'

function ConvertTo-Encoded([string]$Text) {
    [Convert]::ToBase64String([Text.Encoding]::Unicode.GetBytes($Text))
}

function ConvertFrom-Encoded([string]$Encoded) {
    [Text.Encoding]::Unicode.GetString([Convert]::FromBase64String($Encoded))
}

# One change: where, whose, which field, what it must hold (encoded), what it shall hold.
function Get-Change([string]$Server, [string]$Identity, [string]$Attribute, [string]$Before, [string]$After) {
    [pscustomobject]@{
        Server = $Server; Identity = $Identity; Attribute = $Attribute
        Before = $Before; After = (ConvertTo-Encoded $After)
    }
}

# An account's field is changed only where it holds one value, and that is the one that was reviewed.
function Test-Unchanged($Account, $Change) {
    $values = @($Account.($Change.Attribute))
    ($values.Count -eq 1) -and ((ConvertTo-Encoded ([string]$values[0])) -ceq $Change.Before)
}

$proposed = @(
# CHANGES
)

if ($UndoFrom -ne '') {
    $changes = @(Import-Csv -LiteralPath $UndoFrom | ForEach-Object {
        [pscustomobject]@{
            Server = $_.Server; Identity = $_.Identity; Attribute = $_.Attribute
            Before = $_.After; After = $_.Before
        }
    })
} else {
    $changes = $proposed
}

$count = @{ Changed = 0; Unlike = 0; Failed = 0 }
foreach ($change in $changes) {
    $name = $change.Identity
    try {
        $account = Get-ADUser -Server $change.Server -Identity $change.Identity -Properties $change.Attribute
        $name = $account.SamAccountName
        if (-not (Test-Unchanged $account $change)) {
            Write-Output "${name}: left alone, since $($change.Attribute) no longer holds what was reviewed"
            $count.Unlike++
            continue
        }
        $text = ConvertFrom-Encoded $change.After
        if (-not $Apply) {
            Write-Output "${name}: $($change.Attribute) would become $text"
            $count.Changed++
            continue
        }
        # First the way back: if this cannot be written, nothing is changed.
        $change | Export-Csv -LiteralPath $UndoFile -Append -NoTypeInformation -Encoding UTF8
        $replace = @{}
        $replace[$change.Attribute] = $text
        Set-ADUser -Server $change.Server -Identity $change.Identity -Replace $replace -Confirm:$false
        Write-Output "${name}: $($change.Attribute) is now $text"
        $count.Changed++
    } catch {
        Write-Warning "${name}: $($_.Exception.Message)"
        $count.Failed++
    }
}

$done = if ($Apply) { 'changed' } else { 'would be changed' }
Write-Output ''
Write-Output "$($count.Changed) $done, $($count.Unlike) left alone, $($count.Failed) failed."
if ($Apply -and $count.Changed -gt 0) { Write-Output "To take this back: -Apply -UndoFrom '$UndoFile'" }
if (-not $Apply) { Write-Output 'Nothing was changed. Review the proposals, then run this again with -Apply.' }
if ($count.Failed -gt 0) { exit 1 }
